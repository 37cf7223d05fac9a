backends_SOURCES = \
	src/backends/backend.c \
	src/backends/clickos.c \
	src/backends/dialect.c \
	src/backends/elf.c \
	src/backends/ending.c \
	src/backends/halvm.c \
	src/backends/includeos.c \
	src/backends/initrd.c \
	src/backends/kernel.c \
	src/backends/ling.c \
	src/backends/linux.c \
	src/backends/marks.c \
	src/backends/nanos.c \
	src/backends/notes.c \
	src/backends/osv.c \
	src/backends/raw.c \
	src/backends/rumprun.c \
	src/backends/runtimejs.c \
	src/backends/solo5.c \
	src/backends/unikraft.c \
	src/backends/xen.c

backends_TESTS = \
	tests/unit/test_backends.c \
	tests/unit/test_dialects.c \
	tests/unit/test_ending.c \
	tests/unit/test_kernel.c
