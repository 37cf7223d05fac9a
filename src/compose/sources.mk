compose_SOURCES = \
	src/compose/canonical.c \
	src/compose/cast.c \
	src/compose/check_values.c \
	src/compose/command.c \
	src/compose/command_config.c \
	src/compose/command_down.c \
	src/compose/command_events.c \
	src/compose/command_lifecycle.c \
	src/compose/command_logs.c \
	src/compose/command_ls.c \
	src/compose/command_plan.c \
	src/compose/command_ps.c \
	src/compose/command_up.c \
	src/compose/command_version.c \
	src/compose/config_lists.c \
	src/compose/diagnostics.c \
	src/compose/dotenv.c \
	src/compose/emit.c \
	src/compose/emit_json.c \
	src/compose/emit_scalar.c \
	src/compose/fields.c \
	src/compose/fields_deploy.c \
	src/compose/fields_manual.c \
	src/compose/fields_network.c \
	src/compose/fields_parts.c \
	src/compose/fields_schema.c \
	src/compose/fields_service.c \
	src/compose/fields_unikernel.c \
	src/compose/fields_walk.c \
	src/compose/graph.c \
	src/compose/interpolate.c \
	src/compose/interrupt.c \
	src/compose/listing.c \
	src/compose/load.c \
	src/compose/load_document.c \
	src/compose/load_environment.c \
	src/compose/load_extends.c \
	src/compose/load_files.c \
	src/compose/load_find.c \
	src/compose/load_include.c \
	src/compose/log_printer.c \
	src/compose/long_form.c \
	src/compose/long_form_paths.c \
	src/compose/lower.c \
	src/compose/lower_mounts.c \
	src/compose/lower_network.c \
	src/compose/merge.c \
	src/compose/normalise.c \
	src/compose/program.c \
	src/compose/progress.c \
	src/compose/progress_display.c \
	src/compose/scalar.c \
	src/compose/secrecy.c \
	src/compose/short_forms.c \
	src/compose/stack.c \
	src/compose/stack_attach.c \
	src/compose/stack_check.c \
	src/compose/stack_check_addresses.c \
	src/compose/stack_maker.c \
	src/compose/stack_mounts.c \
	src/compose/stack_network.c \
	src/compose/stack_network_options.c \
	src/compose/stack_resolver.c \
	src/compose/stack_service.c \
	src/compose/stack_subnet.c \
	src/compose/template.c \
	src/compose/template_variables.c \
	src/compose/timeline.c \
	src/compose/timeline_path.c \
	src/compose/timeline_trace.c \
	src/compose/tree.c \
	src/compose/validate.c \
	src/compose/variables.c \
	src/compose/yaml.c \
	src/compose/yaml_builder.c

compose_TESTS = \
	tests/unit/test_diagnostics.c \
	tests/unit/test_dotenv.c \
	tests/unit/test_emit.c \
	tests/unit/test_fields.c \
	tests/unit/test_graph.c \
	tests/unit/test_interpolate.c \
	tests/unit/test_listing.c \
	tests/unit/test_load.c \
	tests/unit/test_load_laws.c \
	tests/unit/test_lower.c \
	tests/unit/test_merge.c \
	tests/unit/test_normalise.c \
	tests/unit/test_progress.c \
	tests/unit/test_schema.c \
	tests/unit/test_stack.c \
	tests/unit/test_timeline.c \
	tests/unit/test_tree.c \
	tests/unit/test_validate.c \
	tests/unit/test_whole.c \
	tests/unit/test_yaml.c \
	tests/vectors/test_vectors.c

# The vectors' test is one program of several files.
compose_VECTORS := $(patsubst %,$(B)/tests/vectors/%.o,cycles dotenv forms loader model template)
$(B)/tests/vectors/test_vectors: $(compose_VECTORS)
# They stand behind the archive and need it too.
$(B)/tests/vectors/test_vectors: ALL_LIBS = $(ARCHIVE) $(PKG_LIBS) -lm
-include $(compose_VECTORS:.o=.d)
