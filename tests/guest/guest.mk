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

GUEST_CFLAGS := -std=gnu11 -O2 -g0 -m32 -march=i686 -mgeneral-regs-only -ffreestanding -fno-pic -fno-pie \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fno-strict-aliasing -fcf-protection=none \
	-fno-tree-loop-distribute-patterns -ffunction-sections -fdata-sections -Wall -Wextra -Wshadow \
	-Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
GUEST_LDFLAGS := -m32 -nostdlib -static -no-pie -Wl,-T,$(GUEST_LDS) -Wl,--build-id=none \
	-Wl,--gc-sections -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments

$(GUEST_ELF): $(GUEST_OBJECTS) $(GUEST_LDS)
	$(GUEST_CC) $(GUEST_LDFLAGS) -s -o $@ $(GUEST_OBJECTS)

$(GUEST_OBJ)/%.c.o: tests/guest/%.c
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_CFLAGS) -MMD -MP -c -o $@ $<

$(GUEST_OBJ)/%.S.o: tests/guest/%.S
	@mkdir -p $(@D)
	$(GUEST_CC) -m32 -MMD -MP -c -o $@ $<

-include $(GUEST_OBJECTS:.o=.d)
