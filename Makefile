# Cunik: one non-recursive Makefile. Each room lists its sources in its own sources.mk.
#
#   make                 the programs and the probe guest
#   make help            all targets

VARIANT ?= release
ifeq ($(origin CC),default)
CC := gcc
endif
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
PKG_CONFIG ?= pkg-config
# V=1 shows whole commands, otherwise a word and the file.
SAY = $(if $(V),,@printf '  %-6s %s\n' $(1) $@;)

VERSION := 0.1.0

# Objects of a variant live in build/VARIANT; the programs of the ordinary one stand in build itself.
B := build/$(VARIANT)
BIN := $(if $(filter release,$(VARIANT)),build,$(B))

VARIANT_CFLAGS_release :=
# Sanitized tests are compiled more often than they are run: little optimisation, and for debugging the lines alone.
VARIANT_CFLAGS_asan := -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
VARIANT_CFLAGS_tsan := -O1 -g1 -fsanitize=thread -fno-omit-frame-pointer
VARIANT_CFLAGS_cov := --coverage -O0
VARIANT_CFLAGS_fuzz := -fsanitize=address,undefined,fuzzer-no-link -fno-omit-frame-pointer
ifeq ($(origin VARIANT_CFLAGS_$(VARIANT)),undefined)
$(error VARIANT must be one of release, asan, tsan, cov, fuzz, not '$(VARIANT)')
endif
ifeq ($(VARIANT),fuzz)
CC := clang
endif

PACKAGES := libvirt libvirt-qemu yaml-0.1 libnl-3.0 libnl-route-3.0 jansson libnftables libmicrohttpd \
	libcurl libcrypto libarchive libacl

# Asked once and kept, so that a make with nothing to do stays quick. Empty before `make deps`.
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null)
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null)

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith \
	-Wundef -Wformat=2 -Werror
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -DCUNIK_VERSION='"$(VERSION)"' -Isrc -I. $(WARNINGS) \
	-ffunction-sections -fdata-sections -pthread $(PKG_CFLAGS) $(CFLAGS) $(VARIANT_CFLAGS_$(VARIANT))
ALL_LDFLAGS = -Wl,--gc-sections -Wl,--as-needed -pthread $(LDFLAGS) $(VARIANT_CFLAGS_$(VARIANT))
ALL_LIBS = $(PKG_LIBS) -lm

ROOMS := base network backends images engine compose
PROGRAMS := cunik-compose cunik cunikd

include $(foreach room,$(ROOMS),src/$(room)/sources.mk)
include tests/guest/guest.mk
include guests/linux/guests.mk

SOURCES := $(foreach room,$(ROOMS),$($(room)_SOURCES))
TESTS := $(foreach room,$(ROOMS),$($(room)_TESTS))
TEST_PROGRAMS := $(patsubst %.c,$(B)/%,$(filter-out tests/integration/%,$(TESTS)))
INTEGRATION_PROGRAMS := $(patsubst %.c,$(B)/%,$(filter tests/integration/%,$(TESTS)))

include tests/tests.mk

MANUALS := cunik.1 cunik-compose.1 cunik-events.5 cunik-stack.5
OBJECTS := $(SOURCES:%.c=$(B)/%.o)
ARCHIVE := $(B)/libcunik.a

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: deb install-guest-linux all check check-built check-programs check-units demo demo-built demo-down deps install clean lint format bench help fuzz

COMPLETIONS := $(foreach shell,bash zsh fish,$(foreach program,cunik cunik-compose,$(BIN)/completions/$(program).$(shell)))

all: $(PROGRAMS:%=$(BIN)/%) $(BIN)/cunik-stack.schema.json $(COMPLETIONS) build/guests/probe.elf

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call SAY,CC)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# Rooms as one archive: a program takes from it what it uses and loads no other library.
$(ARCHIVE): $(OBJECTS)
	@rm -f $@
	$(call SAY,AR)$(AR) rcsD $@ $(OBJECTS)

$(BIN)/cunik-compose: $(B)/src/compose/main.o $(ARCHIVE)
$(BIN)/cunik: $(B)/src/engine/cunik.o $(ARCHIVE)
$(BIN)/cunikd: $(B)/src/engine/cunikd.o $(ARCHIVE)
$(PROGRAMS:%=$(BIN)/%):
	@mkdir -p $(@D)
	$(call SAY,LINK)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LIBS)

# An archive too, so that a test gets only the fakes that it uses, and may bring its own in place of a module.
$(B)/libsupport.a: $(TEST_SUPPORT_SOURCES:%.c=$(B)/%.o)
	@rm -f $@
	$(call SAY,AR)$(AR) rcsD $@ $^

$(TEST_PROGRAMS) $(INTEGRATION_PROGRAMS): $(B)/%: $(B)/%.o $(B)/libsupport.a $(ARCHIVE)
	@mkdir -p $(@D)
	$(call SAY,LINK)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LIBS) -lcmocka

-include $(OBJECTS:.o=.d) $(TEST_PROGRAMS:=.d) $(INTEGRATION_PROGRAMS:=.d) $(FUZZ_PROGRAMS:=.d) $(TEST_SUPPORT_SOURCES:%.c=$(B)/%.d) \
	$(foreach p,src/compose/main src/engine/cunik src/engine/cunikd tools/completion tools/manual tools/schema bench/measure,$(B)/$(p).d)

$(FUZZ_PROGRAMS): $(B)/tests/fuzz/%: $(B)/tests/fuzz/%.o $(if $(filter fuzz,$(VARIANT)),,$(B)/tests/fuzz/replay.o) $(B)/libsupport.a $(ARCHIVE)
	$(call SAY,LINK)$(CC) $(ALL_LDFLAGS) $(if $(filter fuzz,$(VARIANT)),-fsanitize=fuzzer) -o $@ $^ $(ALL_LIBS) -lcmocka

deps:
	./deps.sh

# The packages come first, in a make of their own: what follows asks pkg-config for them.
check: deps
	$(MAKE) -j$(JOBS) check-built

# Tests that run side by side find all of this made, and make nothing of it themselves.
check-built: all guests-guestbook $(CHECK_PROGRAMS) $(MANUALS:%=$(B)/docs/%)
	@tests/run -j $(CHECK_JOBS) $(CHECKS)

check-programs: $(CHECK_PROGRAMS)

# The unit tests and corpora of one variant as one stream of test results.
check-units: $(VARIANT_PROGRAMS) $(FUZZ_PROGRAMS)
	@status=0; export CMOCKA_MESSAGE_OUTPUT=TAP; \
	for t in $(VARIANT_PROGRAMS); do $$t || status=1; done; \
	for t in $(FUZZ_TARGETS); do $(B)/tests/fuzz/fuzz_$$t tests/fuzz/corpus/$$t || status=1; done; \
	exit $$status

demo: deps
	$(MAKE) -j$(JOBS) demo-built

demo-built: all guests-guestbook
	examples/guestbook/demo

demo-down:
	examples/guestbook/demo down

build/release/bench/measure: build/release/bench/measure.o build/release/libcunik.a
	$(call SAY,LINK)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LIBS)

bench: all build/release/bench/measure build/release/tests/integration/test_links
	bench/run

fuzz: $(FUZZ_PROGRAMS)

# Manual pages: the options and keys in them come from the tables.
$(B)/tools/manual: $(B)/tools/manual.o $(ARCHIVE)
	$(call SAY,LINK)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LIBS)

# Completion for shells, from the tables of commands.
$(B)/tools/completion: $(B)/tools/completion.o $(ARCHIVE)
	$(call SAY,LINK)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LIBS)

$(COMPLETIONS): $(B)/tools/completion
	@mkdir -p $(@D)
	$< $(patsubst .%,%,$(suffix $@)) $(basename $(@F)) >$@

# What editors use: its keys come from the table of fields.
$(B)/tools/schema: $(B)/tools/schema.o $(ARCHIVE)
	$(call SAY,LINK)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LIBS)

$(BIN)/cunik-stack.schema.json: $(B)/tools/schema
	$< >$@

$(B)/docs/%: docs/%.scd $(B)/tools/manual
	@mkdir -p $(@D)
	$(B)/tools/manual $< | scdoc >$@

install: all $(MANUALS:%=$(B)/docs/%)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 755 $(PROGRAMS:%=$(BIN)/%) $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(B)/docs/cunik.1 $(B)/docs/cunik-compose.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 $(B)/docs/cunik-events.5 $(B)/docs/cunik-stack.5 $(DESTDIR)$(PREFIX)/share/man/man5
	for p in cunik cunik-compose; do \
	install -D -m 644 $(BIN)/completions/$$p.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$p && \
	install -D -m 644 $(BIN)/completions/$$p.zsh $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_$$p && \
	install -D -m 644 $(BIN)/completions/$$p.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/$$p.fish || exit 1; \
	done
	install -D -m 644 $(BIN)/cunik-stack.schema.json $(DESTDIR)$(PREFIX)/share/cunik/cunik-stack.schema.json
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	for unit in cunikd.socket cunikd.service cunik-stack@.service; do \
	    sed 's#@BINDIR@#$(PREFIX)/bin#' packaging/$$unit >$(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit || exit 1; \
	done

# What `cunik build` makes guests of the backend linux with: the packer, its init, a kernel.
install-guest-linux: guests-linux
	install -d $(DESTDIR)$(PREFIX)/share/cunik/linux/guest/modules
	install -m 755 guests/linux/pack guests/linux/kernel $(DESTDIR)$(PREFIX)/share/cunik/linux
	install -m 644 guests/linux/debs.sh guests/linux/README.md $(DESTDIR)$(PREFIX)/share/cunik/linux
	install -m 755 build/guests/linux/init $(DESTDIR)$(PREFIX)/share/cunik/linux/guest
	install -m 644 build/guests/linux/vmlinux build/guests/linux/version $(DESTDIR)$(PREFIX)/share/cunik/linux/guest
	install -m 644 build/guests/linux/modules/*.ko $(DESTDIR)$(PREFIX)/share/cunik/linux/guest/modules

deb: all guests-linux
	packaging/deb.sh $(VERSION) build

clean:
	rm -rf build

lint:
	tests/lint.sh

format:
	clang-format -i $$(git ls-files 'src/*.[ch]' 'tests/*.[ch]' 'guests/*.[ch]')

help:
	@echo 'all        build/cunik-compose, build/cunik, build/cunikd, build/guests/probe.elf and build/cunik-stack.schema.json (default)'
	@echo 'deps       install the Debian packages that building, running and testing need'
	@echo 'demo       install, build, and bring up examples/guestbook; demo-down takes it down'
	@echo 'check      install, build and run all tests'
	@echo 'bench      measure against plain QEMU'
	@echo 'install    to DESTDIR$(PREFIX)'
	@echo 'deb        Debian packages, in build/: cunik, and cunik-guest-linux for building guests of the backend linux'
	@echo 'lint       order of includes between rooms, formatting, forbidden functions, scripts'
	@echo 'format     clang-format in place'
	@echo 'fuzz       build the fuzz targets (VARIANT=fuzz)'
	@echo 'clean      remove build/'
	@echo 'VARIANT=release|asan|tsan|cov|fuzz applies to every target'
