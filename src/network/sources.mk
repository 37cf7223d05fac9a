network_SOURCES =

network_TESTS =
