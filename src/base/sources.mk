base_SOURCES = \
	src/base/buffer.c \
	src/base/completion.c \
	src/base/digest.c \
	src/base/error.c \
	src/base/file.c \
	src/base/filter.c \
	src/base/folder.c \
	src/base/interrupt.c \
	src/base/json.c \
	src/base/log.c \
	src/base/map.c \
	src/base/memory.c \
	src/base/output.c \
	src/base/process.c \
	src/base/scratch.c \
	src/base/strv.c \
	src/base/table.c \
	src/base/tar.c \
	src/base/text.c \
	src/base/time.c \
	src/base/untar.c \
	src/base/verbs.c \
	src/base/verbs_text.c \
	src/base/volume_form.c \
	src/base/when.c

base_TESTS = \
	tests/unit/test_base.c \
	tests/unit/test_completion.c \
	tests/unit/test_folder.c \
	tests/unit/test_scratch.c \
	tests/unit/test_text.c \
	tests/unit/test_verbs.c
