engine_SOURCES =

engine_TESTS =
