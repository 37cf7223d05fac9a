# What `make check` runs, and what it is made of.

TEST_SUPPORT_SOURCES = tests/support/test.c
