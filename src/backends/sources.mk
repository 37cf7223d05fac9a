backends_SOURCES = \
	src/backends/backend.c \
	src/backends/dialect.c \
	src/backends/elf.c \
	src/backends/initrd.c \
	src/backends/kernel.c \
	src/backends/linux.c \
	src/backends/raw.c \
	src/backends/unikraft.c

backends_TESTS = \
	tests/unit/test_backends.c \
	tests/unit/test_dialects.c \
	tests/unit/test_kernel.c
