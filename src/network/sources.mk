network_SOURCES = \
	src/network/address.c \
	src/network/names.c

network_TESTS =
