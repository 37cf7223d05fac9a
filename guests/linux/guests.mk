# Guests of the linux backend: Debian's cloud kernel, our init, and programs from Debian's packages.
#
#   guests-linux       kernel, modules and init: what guests/linux/pack needs to pack a guest of your own
#   guests-guestbook   everything that examples/guestbook boots
#   check-guests-linux boots these guests in QEMU and talks to them
#
# Where the rules for a file change, its prerequisites include the script that makes it.

GUESTS := build/guests
LINUX := guests/linux

INIT_SOURCES := $(addprefix $(LINUX)/, init.c files.c network.c power.c say.c settings.c supervise.c)
INIT_HEADERS := $(addprefix $(LINUX)/, files.h network.h power.h say.h settings.h supervise.h)
INIT_CFLAGS := -std=gnu11 -D_GNU_SOURCE $(WARNINGS) -Os -static -s

.PHONY: guests-linux guests-guestbook check-guests-linux

guests-linux: $(GUESTS)/linux/vmlinuz $(GUESTS)/linux/init
guests-guestbook: guests-linux $(GUESTS)/web.cpio $(GUESTS)/app.cpio $(GUESTS)/redis.cpio

# A guest's program runs as it is shipped, so init has no variants either.
$(GUESTS)/linux/init: $(INIT_SOURCES) $(INIT_HEADERS) $(LINUX)/guests.mk
	@mkdir -p $(@D)
	gcc $(INIT_CFLAGS) -o $@ $(INIT_SOURCES)

# vmlinux and modules/ come with it.
$(GUESTS)/linux/vmlinuz: $(LINUX)/kernel $(LINUX)/debs.sh
	$(LINUX)/kernel --out $(@D)

PACK_NEEDS := $(LINUX)/pack $(LINUX)/debs.sh $(LINUX)/guests.mk $(GUESTS)/linux/init $(GUESTS)/linux/vmlinuz
GUESTBOOK := examples/guestbook

$(GUESTS)/web.cpio: $(GUESTBOOK)/web/nginx.conf $(PACK_NEEDS)
	$(LINUX)/pack --out $@ --package nginx --take /usr/sbin/nginx \
	    --file $<:/etc/nginx/nginx.conf --dir /var/lib/nginx --dir /var/log/nginx \
	    -- nginx

$(GUESTS)/app.cpio: $(GUESTBOOK)/app/guestbook.lua $(GUESTBOOK)/app/redis.lua $(PACK_NEEDS)
	$(LINUX)/pack --out $@ --package lua5.4 --package lua-socket \
	    --take /usr/bin/lua5.4 --take /usr/share/lua/5.4/socket.lua \
	    --take /usr/lib/x86_64-linux-gnu/lua/5.4/socket \
	    --file $(GUESTBOOK)/app:/app --env 'LUA_PATH=/app/?.lua;;' \
	    -- lua5.4 /app/guestbook.lua

$(GUESTS)/redis.cpio: $(GUESTBOOK)/redis/redis.conf $(PACK_NEEDS)
	$(LINUX)/pack --out $@ --package redis-server --package redis-tools --take /usr/bin/redis-server \
	    --file $<:/etc/redis/redis.conf --dir /var/lib/redis \
	    -- redis-server /etc/redis/redis.conf

check-guests-linux: guests-guestbook
	$(LINUX)/selftest.sh
