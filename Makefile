# Cunik: one non-recursive Makefile. Each room lists its sources in its own sources.mk.
#
#   make                 the programs and the probe guest
#   make help            all targets

VARIANT ?= release
CC ?= gcc
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
PKG_CONFIG ?= pkg-config

VERSION := 0.1.0

# Objects of a variant live in build/VARIANT; the programs of the ordinary one stand in build itself.
B := build/$(VARIANT)
BIN := $(if $(filter release,$(VARIANT)),build,$(B))

VARIANT_CFLAGS_release :=
VARIANT_CFLAGS_asan := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
VARIANT_CFLAGS_tsan := -fsanitize=thread -fno-omit-frame-pointer
VARIANT_CFLAGS_cov := --coverage -O0
VARIANT_CFLAGS_fuzz := -fsanitize=address,undefined,fuzzer-no-link -fno-omit-frame-pointer
ifeq ($(origin VARIANT_CFLAGS_$(VARIANT)),undefined)
$(error VARIANT must be one of release, asan, tsan, cov, fuzz, not '$(VARIANT)')
endif
ifeq ($(VARIANT),fuzz)
CC := clang
endif

PACKAGES := libvirt libvirt-qemu yaml-0.1 libnl-3.0 libnl-route-3.0 jansson libnftables libmicrohttpd \
	libcurl libarchive libcrypto

# Asked once and kept, so that a make with nothing to do stays quick. Empty before `make deps`.
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null)
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null)

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith \
	-Wundef -Wformat=2 -Werror
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -DCUNIK_VERSION='"$(VERSION)"' -Isrc -I. $(WARNINGS) \
	-ffunction-sections -fdata-sections -pthread $(PKG_CFLAGS) $(CFLAGS) $(VARIANT_CFLAGS_$(VARIANT))
ALL_LDFLAGS = -Wl,--gc-sections -Wl,--as-needed -pthread $(LDFLAGS) $(VARIANT_CFLAGS_$(VARIANT))
ALL_LIBS = $(PKG_LIBS) -lm

ROOMS := base network backends engine compose
PROGRAMS := cunik-compose cunik cunikd

include $(foreach room,$(ROOMS),src/$(room)/sources.mk)
include tests/tests.mk
-include tests/guest/guest.mk
-include guests/linux/guests.mk

SOURCES := $(foreach room,$(ROOMS),$($(room)_SOURCES))
UNIT_TESTS := $(foreach room,$(ROOMS),$($(room)_TESTS))
OBJECTS := $(SOURCES:%.c=$(B)/%.o)
ARCHIVE := $(B)/libcunik.a

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all check demo demo-down deps install clean lint format bench help fuzz

all: $(PROGRAMS:%=$(BIN)/%) build/guests/probe.elf

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# Rooms as one archive: a program takes from it what it uses and loads no other library.
$(ARCHIVE): $(OBJECTS)
	@rm -f $@
	$(AR) rcsD $@ $(OBJECTS)

$(BIN)/cunik-compose: $(B)/src/compose/main.o $(ARCHIVE)
$(BIN)/cunik: $(B)/src/engine/cunik.o $(ARCHIVE)
$(BIN)/cunikd: $(B)/src/engine/cunikd.o $(ARCHIVE)
$(PROGRAMS:%=$(BIN)/%):
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LIBS)

TEST_PROGRAMS := $(UNIT_TESTS:%.c=$(B)/%)
$(TEST_PROGRAMS): $(B)/%: $(B)/%.o $(TEST_SUPPORT_SOURCES:%.c=$(B)/%.o) $(ARCHIVE)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LIBS) -lcmocka

-include $(OBJECTS:.o=.d) $(TEST_PROGRAMS:=.d) $(TEST_SUPPORT_SOURCES:%.c=$(B)/%.d) \
	$(foreach p,compose/main engine/cunik engine/cunikd,$(B)/src/$(p).d)

deps:
	./deps.sh

clean:
	rm -rf build

lint:
	tests/lint.sh

format:
	clang-format -i $$(git ls-files 'src/*.[ch]' 'tests/*.[ch]' 'guests/*.[ch]')

help:
	@echo 'all        build/cunik-compose, build/cunik, build/cunikd, build/guests/probe.elf (default)'
	@echo 'deps       install the Debian packages that building, running and testing need'
	@echo 'demo       install, build, and bring up examples/guestbook; demo-down takes it down'
	@echo 'check      install, build and run all tests'
	@echo 'bench      measure against plain QEMU'
	@echo 'install    to DESTDIR$(PREFIX)'
	@echo 'lint       order of includes between rooms, formatting, static analysis'
	@echo 'format     clang-format in place'
	@echo 'fuzz       build the fuzz targets (VARIANT=fuzz)'
	@echo 'clean      remove build/'
	@echo 'VARIANT=release|asan|tsan|cov|fuzz applies to every target'
