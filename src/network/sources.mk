network_SOURCES = \
	src/network/address.c \
	src/network/address6.c \
	src/network/daemon.c \
	src/network/dnsmasq.c \
	src/network/dnsmasq_files.c \
	src/network/gates.c \
	src/network/iptables.c \
	src/network/link.c \
	src/network/link_label.c \
	src/network/link_list.c \
	src/network/loopback.c \
	src/network/names.c \
	src/network/nat.c \
	src/network/nat_flow.c \
	src/network/nat_read.c \
	src/network/netlink.c \
	src/network/nftables.c \
	src/network/rules.c \
	src/network/rules_apply.c \
	src/network/rules_frames.c \
	src/network/rules_packets.c \
	src/network/rules_ports.c \
	src/network/slirp.c \
	src/network/sockets.c \
	src/network/sysctl.c \
	src/network/tap.c \
	src/network/watch.c

network_TESTS = \
	tests/unit/test_address.c \
	tests/unit/test_dnsmasq_files.c \
	tests/unit/test_nat.c \
	tests/unit/test_rules.c \
	tests/unit/test_slirp.c \
	tests/integration/test_dnsmasq.c \
	tests/integration/test_frames.c \
	tests/integration/test_gates.c \
	tests/integration/test_iptables.c \
	tests/integration/test_links.c \
	tests/integration/test_nftables.c \
	tests/integration/test_ports.c \
	tests/integration/test_ports6.c \
	tests/integration/test_sockets.c \
	tests/integration/test_watch.c
