compose_SOURCES = \
	src/compose/diagnostics.c \
	src/compose/emit_json.c \
	src/compose/scalar.c \
	src/compose/tree.c \
	src/compose/yaml.c \
	src/compose/yaml_builder.c

compose_TESTS = \
	tests/unit/test_tree.c \
	tests/unit/test_yaml.c
