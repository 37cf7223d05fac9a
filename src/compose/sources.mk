compose_SOURCES = \
	src/compose/diagnostics.c \
	src/compose/scalar.c \
	src/compose/tree.c

compose_TESTS = \
	tests/unit/test_tree.c
