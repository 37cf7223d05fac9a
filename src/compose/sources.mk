compose_SOURCES =

compose_TESTS =
