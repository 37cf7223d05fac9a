#!/bin/bash
# Attachment, addresses and names, with packets between real guests.
. "$(dirname "$0")/lib.sh"

cd "$WORK" || exit 1

address() { cunik inspect "$1" | jq -r --arg n "$2" '.[0].networks[] | select(.network == $n).address'; }
addresses() { cunik inspect "$@" | jq -c '[.[] | [.name, .networks[].address]]'; }
in_order() { printf '%s\n' "$@" | sort -V | paste -sd' '; }
# resolve GUEST-ADDRESS NAME: its addresses in order of their value, on one line
resolve() { fetch "http://$1/resolve?$2" 2>/dev/null | sort -V | paste -sd' '; }
resolves() { equal "$(resolve "$1" "$2")" "$3"; }
reaches() { answers "http://$1/get?http://$2/" "hello from $3"; }
reaches_not() { [ "$(fetch -o /dev/null -w '%{http_code}' "http://$1/get?http://$2/")" = 502 ]; }
# net_of GUEST-ADDRESS WORD: what its interfaces say behind a word, on one line
net_of() { fetch "http://$1/net" | awk -v w="$2" '/^eth/ {for (i = 1; i < NF; i++) if ($i == w) print $(i + 1)}' | paste -sd' '; }

# A bridge that somebody has made by hand, and a route that takes half of a pool.
ip link add byhand type bridge
ip addr add 10.77.0.1/24 dev byhand
ip link set byhand up
ip route add blackhole 172.30.0.0/17
cat >hub.yaml <<EOF
name: hub
services:
  post:
    hostname: post
    unikernel: {backend: unikraft, kernel: $PROBE}
networks:
  default: {name: shared}
EOF
check 'a stack whose network others use' expect 0 cunik-compose -f hub.yaml up -d --wait

stack() {
    cat >cunik-compose.yaml <<EOF
name: n
services:
  web:
    hostname: web
    networks:
      front: {gw_priority: 1}
      back: {priority: 5, ipv4_address: 10.66.0.5, mac_address: "02:00:00:00:00:05"}
    extra_hosts: ["printer=10.1.2.3", "host:host-gateway"]
    dns_search: [example.org]
    unikernel: {backend: unikraft, kernel: $PROBE}
  db:
    hostname: db
    scale: ${DB_SCALE:-2}
    networks: {back: {aliases: [store]}}
    unikernel: {backend: unikraft, kernel: $PROBE}
  cache:
    hostname: cache
    networks: {back: {aliases: [store]}}
    unikernel: {backend: unikraft, kernel: $PROBE}
  lone:
    hostname: lone
    networks: [front]
    container_name: solitary
    unikernel: {backend: unikraft, kernel: $PROBE}
  leased:
    hostname: leased
    networks: {back: , front: {priority: 1}}
    unikernel: {backend: raw, kernel: $PROBE, cmdline: "dhcp port=80"}
  guest:
    hostname: guest
    networks: [shared]
    unikernel: {backend: unikraft, kernel: $PROBE}
  manual:
    networks: {byhand: {ipv4_address: 10.77.0.9}}
    hostname: manual
    unikernel: {backend: unikraft, kernel: $PROBE}
  none:
    network_mode: none
    unikernel: {backend: unikraft, kernel: $PROBE}
${MORE:-}
networks:
  front: {driver_opts: {com.docker.network.bridge.name: br-front}}
  back:
    internal: true
    ipam: {config: [{subnet: 10.66.0.0/29, aux_addresses: {printer: 10.66.0.6}}, {subnet: 10.67.0.0/24}]}
  shared: {external: true}
  byhand: {external: true}
EOF
}
stack
check 'up' expect 0 cunik-compose up -d --wait --wait-timeout 60
web=$(address n-web-1 n_front) db1=$(address n-db-1 n_back) db2=$(address n-db-2 n_back)
cache=$(address n-cache-1 n_back) lone=$(address solitary n_front)
leased=$(address n-leased-1 n_front) leased_back=$(address n-leased-1 n_back)

check 'priority says which interface is first' equal "$(net_of "$web" address)" "10.66.0.5/29 $web/24"
check '… with the MAC address of the file' equal "$(net_of "$web" mac | cut -d' ' -f1)" 02:00:00:00:00:05
check 'the way out is where gw_priority says, and none leads through an internal network' \
    equal "$(net_of "$web" gateway)" "0.0.0.0 $(ip -o -4 addr show br-front | awk '$4 ~ "/24" {sub("/.*", "", $4); print $4}')"
check 'driver_opts name the bridge' run ip link show br-front
check 'an automatic subnet avoids routes of the host' \
    not grep -E '^172\.30\.([0-9]|[1-9][0-9]|1[01][0-9]|12[0-7])\.' <<<"$lone"
check 'a full subnet goes on in the next' run grep -F '"10.67.0.' <<<"$(addresses n-db-1 n-db-2 n-cache-1 n-leased-1)"
check '… and nobody has an address that is kept free' \
    not grep -F '"10.66.0.6"' <<<"$(addresses n-db-1 n-db-2 n-cache-1 n-leased-1)"

check 'a service resolves to its copies' resolves "$web" db "$(in_order "$db1" "$db2")"
check '… and each copy by its number' resolves "$web" db-2 "$db2"
check '… and by its own name' resolves "$web" n-db-1 "$db1"
first() { for _ in 1 2 3 4 5 6 7 8; do fetch "http://$web/resolve?db" | head -1; done | sort -u | wc -l; }
check '… in turn' equal "$(first)" 2
check 'an alias of two services resolves to both' resolves "$web" store "$(in_order "$db1" "$db2" "$cache")"
check 'container_name resolves' resolves "$web" solitary "$lone"
check 'a guest of two networks resolves the names of both' resolves "$web" lone "$lone"
check '… and calls by them' reaches "$web" lone lone
check '… on either' reaches "$web" cache cache
check 'a guest of one resolves none of the other' resolves "$lone" db 'no such name'
check '… and does not reach it' reaches_not "$lone" "$db1"
check 'extra_hosts are for its service' resolves "$web" printer 10.1.2.3
check '… host-gateway is the host' resolves "$web" host 10.66.0.1
check '… and for nobody else' resolves "$lone" printer 'no such name'
check 'dns_search is told' equal "$(fetch "http://$web/net" | sed -n 's/^domain //p')" example.org
check 'network_mode: none means no interface' equal "$(cunik inspect n-none-1 | jq -r '.[0].networks | length')" 0

check 'a guest that asks DHCP gets its addresses, in order' \
    wait_until 30 eval 'equal "$(net_of "$leased" address)" "$leased/24 $leased_back/$(case $leased_back in 10.66.*) echo 29 ;; *) echo 24 ;; esac)"'
check '… and the gateway of the network that leads out' equal "$(net_of "$leased" gateway | cut -d' ' -f2)" 0.0.0.0
check '… resolves the names of both' resolves "$leased" store "$(in_order "$db1" "$db2" "$cache")"
check '… and is resolved' resolves "$lone" leased "$leased"
check '… and reached' reaches "$lone" leased n-leased-1

guest=$(address n-guest-1 shared) post=$(address hub-post-1 shared)
check 'an external network of another stack: names' resolves "$guest" post "$post"
check '… both ways' resolves "$post" guest "$guest"
check '… and packets' reaches "$post" guest guest
check 'a bridge made by hand' answers http://10.77.0.9/ 'hello from manual'

# Reverse names, asked of the network's own server from the host.
asked() { # SERVER NAME TYPE: the answers; an address in place of a name is asked for its names
    python3 - "$@" <<'EOF'
import ipaddress, socket, struct, sys

server, name, kind = sys.argv[1:]
kinds = {'PTR': 12, 'AAAA': 28}
if kind == 'PTR':
    name = ipaddress.ip_address(name).reverse_pointer
labels = b''.join(bytes([len(part)]) + part.encode() for part in name.split('.'))
question = struct.pack('>6H', 7, 0x100, 1, 0, 0, 0) + labels + b'\0' + struct.pack('>2H', kinds[kind], 1)
s = socket.socket(socket.AF_INET6 if ':' in server else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
s.connect((server, 53))
s.send(question)
a = s.recv(4096)


def text(at):
    out = []
    while a[at]:
        if a[at] >= 0xc0:
            at = (a[at] & 63) << 8 | a[at + 1]
            continue
        out.append(a[at + 1:at + 1 + a[at]].decode())
        at += a[at] + 1
    return '.'.join(out)


at = len(question)
for _ in range(a[6] << 8 | a[7]):
    size = a[at + 10] << 8 | a[at + 11]
    print(text(at + 12) if kind == 'PTR' else ipaddress.ip_address(a[at + 12:at + 12 + size]))
    at += 12 + size
EOF
}
check 'reverse names' equal "$(asked 10.66.0.1 "$db1" PTR)" n-db-1.n_back
check '… of the network only' equal "$(asked 10.66.0.1 "$lone" PTR)" ''

check 'nothing to do' expect 0 cunik-compose plan --detailed-exitcode
rest=(n-web-1 n-db-1 n-cache-1 solitary n-leased-1)
before=$(addresses "${rest[@]}")
MORE="  aaa: {networks: [back, front], unikernel: {backend: unikraft, kernel: $PROBE}}" DB_SCALE=1 stack
check 'others come and go' expect 0 cunik-compose up -d --wait
check '… addresses stay' equal "$(addresses "${rest[@]}")" "$before"
check '… and a name that is gone is not served' resolves "$web" db "$db1"
check 'all are recreated' expect 0 cunik-compose up -d --wait --force-recreate
check '… addresses stay' equal "$(addresses "${rest[@]}")" "$before"
stop_engine
check 'the engine is restarted: addresses stay' equal "$(addresses "${rest[@]}")" "$before"
check '… and there is nothing to do' expect 0 cunik-compose plan --detailed-exitcode
check 'the guest with a lease is there again' wait_until 30 answers "http://$leased/" 'hello from n-leased-1'

check 'down' expect 0 cunik-compose down
check '… leaves a bridge made by hand' run ip link show byhand
check '… and the other stack with its network' answers "http://$post/" 'hello from post'
check '… whose names are its own again' resolves "$post" guest 'no such name'
check 'down of the other stack' expect 0 cunik-compose -f hub.yaml down
ip link del byhand
check 'nothing is left' nothing_left

# What cannot be is said before anything starts.
refused() { # NAME TEXT: the stack on standard input is refused with TEXT, and nothing was made
    cat >refused.yaml
    check "$1" not cunik-compose -f refused.yaml up -d
    check "… it says so" err_has "$2"
    check "… and nothing was started" nothing_left
}
refused 'a network that is full' "network 'full_default' is full" <<EOF
name: full
services: {a: {scale: 6, unikernel: {backend: unikraft, kernel: $PROBE}}}
networks: {default: {ipam: {config: [{subnet: 10.68.0.0/29}]}}}
EOF
refused 'an address outside its subnet' \
    'refused.yaml:2:52: services.a.networks.default: 10.69.0.9 is no address of its subnet' <<EOF
name: out
services: {a: {networks: {default: {ipv4_address:  10.69.0.9}}, unikernel: {backend: unikraft, kernel: $PROBE}}}
networks: {default: {ipam: {config: [{subnet: 10.68.0.0/24}]}}}
EOF
refused 'an external network that is not there' 'is external and does not exist' <<EOF
name: out
services: {a: {networks: [x], unikernel: {backend: unikraft, kernel: $PROBE}}}
networks: {x: {external: true}}
EOF
refused 'an IPv6 address for who cannot take it' 'Unikraft cannot be told the IPv6 address fd66::9' <<EOF
name: out
services: {a: {networks: {default: {ipv6_address: "fd66::9"}}, unikernel: {backend: unikraft, kernel: $PROBE}}}
networks: {default: {ipam: {config: [{subnet: "fd66::/64"}]}}}
EOF

# Names that lead to what is healthy.
cat >sick.yaml <<EOF
name: sick
services:
  web:
    healthcheck: {test: ["HTTP", "http://:80/health"], interval: 200ms, timeout: 30s, retries: 1, start_period: 60s}
    unikernel: {backend: unikraft, kernel: $PROBE}
  asker: {unikernel: {backend: unikraft, kernel: $PROBE}}
networks:
  default: {driver_opts: {cunik.hide_unhealthy: "true"}}
EOF
check 'a service that will be ill' expect 0 cunik-compose -f sick.yaml up -d --wait
asker=$(address sick-asker-1 sick_default) ill=$(address sick-web-1 sick_default)
check '… falls ill' answers "http://$ill/health?ill" unhealthy
check '… is not resolved while it is' wait_until 30 resolves "$asker" web 'no such name'
check '… gets well' answers "http://$ill/health?well" healthy
check '… and is again when it is well' wait_until 30 resolves "$asker" web "$ill"
check '… down' expect 0 cunik-compose -f sick.yaml down
check '… wholly' nothing_left

# A Linux guest: names of interfaces, IPv6, an MTU; and a pool that the engine is given.
linux=$ROOT_DIR/build/guests/linux/vmlinuz app=$ROOT_DIR/build/guests/app.cpio
if [ -f "$linux" ] && [ -f "$app" ]; then
    stop_engine
    cat >six.yaml <<EOF
name: six
services:
  a:
    entrypoint: [/usr/bin/lua5.4, -e]
    command:
      - |
        for _, f in ipairs{"/proc/net/if_inet6", "/proc/net/dev", "/etc/resolv.conf"} do
            for l in io.lines(f) do print(f, l) end
        end
        print("mtu", io.open("/sys/class/net/lan/mtu"):read("l"))
        local socket = require "socket"
        local server = assert(socket.tcp6())
        assert(server:bind("::", 7000))
        assert(server:listen(8))
        print("ready")
        while true do
            local c, out = server:accept(), socket.tcp6()
            local line = c:receive("*l")
            if line == "out" then
                out:settimeout(10)
                line = out:connect("2001:db8::2", 7200) and out:receive("*l") or "nobody"
            end
            c:send(line .. "\n")
            c:close()
            out:close()
        end
    networks: {default: {interface_name: lan, priority: 1, ipv6_address: "fd66::a"}, auto: }
    ports: ["7100:7000", "[2001:db8::1]:7101:7000"]
    dns_search: [example.org]
    unikernel: {backend: linux, kernel: $linux, initrd: $app}
networks:
  default:
    driver_opts: {com.docker.network.driver.mtu: 1400}
    ipam: {config: [{subnet: "fd66::/64", gateway: "fd66::ffff"}]}
  auto: {enable_ipv6: true, internal: true}
EOF
    another_machine
    trap 'kill "$other"; cleanup' EXIT
    echo 0 >/proc/sys/net/ipv6/conf/wire/accept_dad
    ip address add 2001:db8::1/64 dev wire nodad
    ip link set wire up
    there bash -c 'ip link set lo up; echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad
        ip address add 2001:db8::2/64 dev eth0 nodad; ip link set eth0 up; ip route add default via 2001:db8::1'
    nsenter --net="/proc/$other/ns/net" python3 -c '
import socket
s = socket.create_server(("::", 7200), family=socket.AF_INET6)
while True:
    c, peer = s.accept()
    c.send((peer[0] + "\n").encode())
    c.close()' &
    listener=$!
    forwarding6() { cat /proc/sys/net/ipv6/conf/{all,default,wire}/{forwarding,force_forwarding,accept_ra} 2>/dev/null; }
    was=$(forwarding6)
    export CUNIK_POOLS=10.99.0.0/24:28
    check 'a Linux guest' expect 0 cunik-compose -f six.yaml up -d
    said() { cunik-compose -f six.yaml logs --no-log-prefix >"$OUT" 2>&1 && grep -qE -- "$1" "$OUT"; }
    check '… is up' wait_until 100 said '^ready'
    check '… has the interface name' said '/proc/net/dev.* lan:'
    check '… and the MTU' said '^mtu.*1400'
    check '… and the IPv6 address' said 'if_inet6.fd66000000000000000000000000000a .* 40 00 .* lan'
    check '… and the search domains' said 'resolv.conf.search six_default example.org'
    tells() { # PORT ADDRESS LINE: what the guest says to a line
        timeout 20 "$BASH" -c 'exec 3<>"/dev/tcp/$2/$1" && echo "$3" >&3 && head -1 <&3' - "$@"
    }
    from_there() { there timeout 20 "$BASH" -c 'exec 3<>"/dev/tcp/$2/$1" && echo "$3" >&3 && head -1 <&3' - "$@"; }
    no_answer() { [ -z "$(from_there "$@" 2>/dev/null)" ]; }
    check '… answers by IPv6' equal "$(tells 7000 fd66::a six)" six
    auto=$(cunik inspect six-a-1 | jq -r '.[0].networks[] | select(.network == "six_auto").address6')
    check '… has an automatic IPv6 address on the other network' run grep -E '^fd.*:' <<<"$auto"
    check '… and answers there too' equal "$(tells 7000 "$auto" auto)" auto
    check '… its names lead to them' equal "$(asked fd66::ffff a AAAA)" fd66::a
    check '… back too' equal "$(asked fd66::ffff fd66::a PTR)" six-a-1.six_default
    check '… is published at an address of the host' equal "$(tells 7100 2001:db8::1 own)" own
    check '… for another machine' equal "$(from_there 7100 2001:db8::1 there)" there
    check '… at one address alone' equal "$(from_there 7101 2001:db8::1 one)" one
    check '… which is shown' equal "$(cunik-compose -f six.yaml ps --format json | jq -r '[.Publishers[].URL] | unique | join(" ")')" '0.0.0.0 2001:db8::1'
    check '… by port too' equal "$(cunik port six-a-1 | sed -n 's/.*-> //p' | paste -sd' ')" '0.0.0.0:7100 [2001:db8::1]:7101'
    check '… and by no other way' no_answer 7000 fd66::a direct
    check '… gets out by the address of the host' equal "$(tells 7000 fd66::a out)" 2001:db8::1
    refuses() { tells "$@" x >"$OUT" 2>"$ERR" || err_has 'Connection refused'; }
    check '… refuses at ::1, so that who asks for localhost goes on to 127.0.0.1' refuses 7100 ::1
    check '… and its subnet is a part of the pool' run grep -E '"10\.99\.0\.' <<<"$(addresses six-a-1)"
    check '… of the length that was said' equal "$(ip -o -4 addr show | awk '$4 ~ /^10\.99\.0\./ {sub(".*/", "", $4); print $4}' | sort -u | paste -sd' ')" '28 32'
    check '… down' expect 0 cunik-compose -f six.yaml down
    check '… forwards as before' equal "$(forwarding6)" "$was"
    kill "$listener"
    ip link del wire
    check '… wholly' nothing_left

    # What IPv6 cannot do is said before anything starts.
    refused '::1' 'to be published at ::1, from where no guest can be reached' <<EOF
name: out
services: {a: {ports: ["[::1]:80:80"], unikernel: {backend: linux, kernel: $linux}}}
networks: {default: {enable_ipv6: true}}
EOF
    refused 'IPv6 without a network of IPv6' 'to be published at ::, but no network of its has IPv6' <<EOF
name: out
services: {a: {ports: ["[::]:80:80"], unikernel: {backend: linux, kernel: $linux}}}
EOF
    refused 'IPv6 to who cannot take it' 'to be published at ::, but unikraft cannot be told an IPv6 address' <<EOF
name: out
services: {a: {ports: ["[::]:80:80"], unikernel: {backend: unikraft, kernel: $PROBE}}}
networks: {default: {enable_ipv6: true}}
EOF
fi

plan_tests_done
