engine_SOURCES = \
	src/compose/cast.c \
	src/compose/dotenv.c \
	src/compose/emit.c \
	src/compose/emit_scalar.c \
	src/compose/interpolate.c \
	src/compose/stack.c \
	src/compose/stack_attach.c \
	src/compose/stack_check.c \
	src/compose/stack_maker.c \
	src/compose/stack_network.c \
	src/compose/stack_service.c \
	src/compose/template.c \
	src/compose/template_variables.c \
	src/compose/variables.c \
	src/engine/assign.c \
	src/engine/assign_addresses.c \
	src/engine/assign_ports.c \
	src/engine/assign_subnets.c \
	src/engine/domain_xml.c \
	src/engine/event.c \
	src/engine/record.c \
	src/engine/record_diff.c \
	src/engine/record_json.c \
	src/engine/record_text.c \
	src/engine/request.c \
	src/engine/world.c

engine_TESTS = \
	tests/unit/test_assign.c \
	tests/unit/test_domain_xml.c \
	tests/unit/test_dotenv.c \
	tests/unit/test_emit.c \
	tests/unit/test_interpolate.c \
	tests/unit/test_request.c \
	tests/unit/test_world.c
