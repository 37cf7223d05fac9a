backends_SOURCES =

backends_TESTS =
