# What `make check` runs, and what it is made of. tests/run says how results are reported.
#
# Unit and integration tests are listed with their rooms (src/*/sources.mk); those under tests/integration make
# links and guests in namespaces of their own and are not run under sanitizers, which libvirt's forked
# children do not survive.

TEST_SUPPORT_SOURCES = \
	tests/support/demo_world.c \
	tests/support/fake_engine.c \
	tests/support/fake_host.c \
	tests/support/fake_host_kept.c \
	tests/support/fake_host_ops.c \
	tests/support/json_schema.c \
	tests/support/random_world.c \
	tests/support/scene.c \
	tests/support/test.c

# Fuzz targets: tests/fuzz/fuzz_NAME.c with its corpus in tests/fuzz/corpus/NAME. An ordinary build replays
# the corpus; VARIANT=fuzz makes libFuzzer programs of them.
FUZZ_TARGETS := api dotenv interpolate kernel load short yaml
FUZZ_PROGRAMS := $(FUZZ_TARGETS:%=$(B)/tests/fuzz/fuzz_%)

# An engine whose host can fail, and which can die, at the k-th operation.
FAULTY_ENGINE := $(B)/tests/faulty/cunikd
$(FAULTY_ENGINE): $(B)/src/engine/cunikd.o $(B)/tests/faulty/faulty_host.o $(B)/libcunik.a
	@mkdir -p $(@D)
	$(call SAY,LINK)$(CC) $(ALL_LDFLAGS) -Wl,--wrap=cunik_host_real_table -o $@ $^ $(ALL_LIBS)
-include $(B)/tests/faulty/faulty_host.d

# Tests of the whole, each a script that makes its own network namespace; the longest first.
E2E_TESTS := store volumes networks readme torture system faults cunik death rootless traffic up_down updates bad_input \
	examples dialects attach chaos endings images cycles package health rolling verbs observe firewalld engine commands \
	follow doctor config

# A registry for tests/e2e/images.sh: Debian's, unpacked and never installed, for its package starts a service.
build/registry/usr/bin/docker-registry: guests/linux/debs.sh tests/registry.sh
	tests/registry.sh build/registry

# Names for tests/run: NAME=COMMAND. The longest first, for they are begun in this order; those that compute beside
# those that wait, of which there may be one more than processors. None has to run alone.
CHECK_JOBS = $(shell expr $(JOBS) + 1)
e2e_checks = $(foreach t,$(1),"e2e/$(t)=CUNIK_BIN=$$PWD/$(BIN) CUNIK_FAULTY=$$PWD/$(FAULTY_ENGINE) tests/e2e/$(t).sh")
CHECKS = \
	"asan=$(MAKE) -s check-units VARIANT=asan -j$(JOBS)" \
	$(call e2e_checks,$(wordlist 1,3,$(E2E_TESTS))) \
	"tsan=$(MAKE) -s check-units VARIANT=tsan -j$(JOBS)" \
	"guest/linux=guests/linux/selftest.sh" \
	$(foreach t,$(INTEGRATION_PROGRAMS),"integration/$(notdir $(t))=unshare --net --mount $(t)") \
	$(call e2e_checks,$(wordlist 4,999,$(E2E_TESTS))) \
	$(GUEST_CHECKS) \
	$(foreach t,$(TEST_PROGRAMS),"unit/$(notdir $(t))=$(t)") \
	$(foreach t,$(FUZZ_TARGETS),"fuzz/$(t)=$(B)/tests/fuzz/fuzz_$(t) tests/fuzz/corpus/$(t)") \
	"unit/schema.py=tests/schema.py" \
	"unit/run=tests/run-test.sh" \
	"lint=tests/lint.sh"
CHECK_PROGRAMS = $(FAULTY_ENGINE) $(TEST_PROGRAMS) $(FUZZ_PROGRAMS) $(INTEGRATION_PROGRAMS) $(GUEST_CHECK_PROGRAMS) build/registry/usr/bin/docker-registry

# ThreadSanitizer looks at what has threads.
TSAN_TESTS := api console engine health races reaper supervise updates
VARIANT_PROGRAMS = $(if $(filter tsan,$(VARIANT)),$(filter $(TSAN_TESTS:%=$(B)/tests/unit/test_%),$(TEST_PROGRAMS)),$(TEST_PROGRAMS))
