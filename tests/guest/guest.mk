# The probe guest, a fixture of the tests and the smallest example of a guest: see tests/guest/README.md.
#
# Included by the root Makefile; works alone too: make -f tests/guest/guest.mk build/guests/probe.elf
# It is freestanding 32-bit code, so it takes nothing of the root's CFLAGS (no sanitizer can run in it).

GUEST_CC ?= $(CC)
GUEST_ELF := build/guests/probe.elf
GUEST_OBJ := build/guests/obj
GUEST_LDS := tests/guest/probe.lds

GUEST_SOURCES := \
	tests/guest/boot.S \
	tests/guest/arguments.c \
	tests/guest/arp.c \
	tests/guest/behave.c \
	tests/guest/clock.c \
	tests/guest/config.c \
	tests/guest/console.c \
	tests/guest/cpu.c \
	tests/guest/dhcp.c \
	tests/guest/dialect_linux.c \
	tests/guest/dialect_osv.c \
	tests/guest/dialect_rumprun.c \
	tests/guest/dialect_solo5.c \
	tests/guest/dialect_unikraft.c \
	tests/guest/disk.c \
	tests/guest/dns.c \
	tests/guest/fetch.c \
	tests/guest/http.c \
	tests/guest/ip.c \
	tests/guest/main.c \
	tests/guest/memory.c \
	tests/guest/nic.c \
	tests/guest/out.c \
	tests/guest/pci.c \
	tests/guest/power.c \
	tests/guest/routes.c \
	tests/guest/tcp.c \
	tests/guest/tcp_input.c \
	tests/guest/tcp_output.c \
	tests/guest/text.c \
	tests/guest/udp.c \
	tests/guest/virtio.c \
	tests/guest/words.c

GUEST_OBJECTS := $(patsubst tests/guest/%,$(GUEST_OBJ)/%.o,$(GUEST_SOURCES))

# A loop in memset() must not become a call of memset().
GUEST_NO_IDIOMS = $(if $(findstring clang,$(GUEST_CC)),,-fno-tree-loop-distribute-patterns)
GUEST_CFLAGS = -std=gnu11 -O2 -g0 -m32 -march=i686 -mgeneral-regs-only -ffreestanding -fno-pic -fno-pie \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fno-strict-aliasing -fcf-protection=none \
	-fno-builtin $(GUEST_NO_IDIOMS) -ffunction-sections -fdata-sections -Wall -Wextra -Wshadow \
	-Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
GUEST_LDFLAGS := -m32 -nostdlib -static -no-pie -Wl,-T,$(GUEST_LDS) -Wl,--build-id=none \
	-Wl,--gc-sections -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments

$(GUEST_ELF): $(GUEST_OBJECTS) $(GUEST_LDS)
	$(GUEST_CC) $(GUEST_LDFLAGS) -s -o $@ $(GUEST_OBJECTS)

$(GUEST_OBJ)/%.c.o: tests/guest/%.c tests/guest/guest.mk
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_CFLAGS) -MMD -MP -c -o $@ $<

$(GUEST_OBJ)/%.S.o: tests/guest/%.S tests/guest/guest.mk
	@mkdir -p $(@D)
	$(GUEST_CC) -m32 -MMD -MP -c -o $@ $<

-include $(GUEST_OBJECTS:.o=.d)

# The guest's own tests. hostile is its network code built for the host, against bad input.
GUEST_HOSTILE := build/guests/hostile
GUEST_HOSTILE_SOURCES := $(addprefix tests/guest/,hostile.c arp.c config.c dialect_linux.c dialect_osv.c \
	dialect_rumprun.c dialect_solo5.c dialect_unikraft.c dns.c fetch.c http.c ip.c out.c routes.c tcp.c \
	tcp_input.c tcp_output.c text.c udp.c words.c)
GUEST_HOSTILE_OBJECTS := $(patsubst tests/guest/%,$(GUEST_OBJ)/host/%.o,$(GUEST_HOSTILE_SOURCES))
# The guest brings functions such as memcpy along; here the host's take their place, with their checks.
GUEST_HOSTILE_CFLAGS := -std=gnu11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -Wall -Wextra \
	-Werror

$(GUEST_HOSTILE): $(GUEST_HOSTILE_OBJECTS)
	$(GUEST_CC) -fsanitize=address,undefined -o $@ $(GUEST_HOSTILE_OBJECTS)

$(GUEST_OBJ)/host/text.c.o: GUEST_HOSTILE_CFLAGS += -Dmemcpy=guest_memcpy -Dmemmove=guest_memmove \
	-Dmemset=guest_memset -Dmemcmp=guest_memcmp -Dstrlen=guest_strlen

$(GUEST_OBJ)/host/%.c.o: tests/guest/%.c tests/guest/guest.mk
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_HOSTILE_CFLAGS) -MMD -MP -c -o $@ $<

# For tests/run, and what they need built.
GUEST_CHECKS := "guest/hostile=$(GUEST_HOSTILE)" "guest/selftest=tests/guest/selftest.sh $(GUEST_ELF)"
GUEST_CHECK_PROGRAMS := $(GUEST_ELF) $(GUEST_HOSTILE)

.PHONY: check-guest
check-guest: $(GUEST_CHECK_PROGRAMS)
	tests/run $(GUEST_CHECKS)

-include $(GUEST_HOSTILE_OBJECTS:.o=.d)
