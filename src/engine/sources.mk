engine_SOURCES = \
	src/engine/accel.c \
	src/engine/assign.c \
	src/engine/assign_addresses.c \
	src/engine/assign_ports.c \
	src/engine/assign_subnets.c \
	src/engine/console.c \
	src/engine/domain_xml.c \
	src/engine/event.c \
	src/engine/health.c \
	src/engine/host_boot.c \
	src/engine/host_facts.c \
	src/engine/host_images.c \
	src/engine/host_label.c \
	src/engine/host_network.c \
	src/engine/host_observe.c \
	src/engine/host_prerequisites.c \
	src/engine/host_real.c \
	src/engine/host_rules.c \
	src/engine/hypervisor.c \
	src/engine/hypervisor_embed.c \
	src/engine/hypervisor_events.c \
	src/engine/plan.c \
	src/engine/plan_decide.c \
	src/engine/plan_edges.c \
	src/engine/plan_graph.c \
	src/engine/plan_text.c \
	src/engine/probe.c \
	src/engine/probe_command.c \
	src/engine/probe_log.c \
	src/engine/probe_net.c \
	src/engine/probe_test.c \
	src/engine/reaper.c \
	src/engine/record.c \
	src/engine/record_diff.c \
	src/engine/record_json.c \
	src/engine/record_text.c \
	src/engine/request.c \
	src/engine/world.c

engine_TESTS = \
	tests/unit/test_accel.c \
	tests/unit/test_assign.c \
	tests/unit/test_console.c \
	tests/unit/test_domain_xml.c \
	tests/unit/test_health.c \
	tests/unit/test_plan.c \
	tests/unit/test_reaper.c \
	tests/unit/test_request.c \
	tests/unit/test_world.c
