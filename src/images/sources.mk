images_SOURCES = \
	src/images/archive.c \
	src/images/blob.c \
	src/images/build.c \
	src/images/cache.c \
	src/images/catalog.c \
	src/images/disk.c \
	src/images/image_config.c \
	src/images/image_name.c \
	src/images/index.c \
	src/images/layer.c \
	src/images/listing.c \
	src/images/manifest.c \
	src/images/platform.c \
	src/images/prune.c \
	src/images/recipe.c \
	src/images/store.c \
	src/images/transfer.c \
	src/images/unpack.c

images_TESTS = \
	tests/unit/test_images.c
