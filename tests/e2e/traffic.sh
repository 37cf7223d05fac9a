#!/bin/bash
# What a stack does to the host's traffic, and what it leaves: ports for other machines and for guests, ways
# that are opened and closed again, what others delete or change, dockerd beside it.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
cd "$WORK" || exit 1

another_machine_4
dockerd=
ends() {
    kill "$other" 2>/dev/null
    [ -z "$dockerd" ] || { kill "$dockerd" && wait "$dockerd"; }
    cleanup
}
trap ends EXIT
forwards() { [ "$(cat "/proc/sys/net/ipv4/conf/$1/forwarding")" = "$2" ]; }
# As a browser does where localhost has both addresses.
localhost_answers() { # PORT
    curl -sfS --max-time 10 --resolve "localhost:$1:[::1],127.0.0.1" -w '%{remote_ip}\n' -o /dev/null "http://localhost:$1/" \
        >"$OUT" 2>"$ERR" && grep -qx 127.0.0.1 "$OUT"
}
refused() { ! curl -sS --max-time 2 "$1" >"$OUT" 2>"$ERR"; }
nothing_left_but_wire() {
    leftovers | grep -v '^link wire@' >"$OUT"
    [ ! -s "$OUT" ]
}
# What a guest gets of a URL, asked through its own published port.
guest_answers() { answers "http://127.0.0.1:$1/get?$2" "$3"; }
guest_gets_nothing() { ! guest_answers "$@" >"$OUT" 2>"$ERR"; }

service() { # NAME PORTS [MORE]
    printf '  %s:\n    hostname: %s\n    mem_limit: 16m\n    stop_grace_period: 1s\n    ports: %s\n' "$1" "$1" "$2"
    printf '    unikernel: {backend: unikraft, kernel: %s}\n' "$PROBE"
    printf '    healthcheck: {test: ["HTTP", "http://:80/"], interval: 1s, start_period: 20s}\n%s' "${3:-}"
}
{
    printf 'name: a\nservices:\n'
    service web '["8080:80", "127.0.0.1:8081-8082:80-81", "192.0.2.1:8083:80", "80"]'
} >a.yaml
{
    printf 'name: b\nservices:\n'
    service b '["8090:80"]'
    service trusted '["8091:80"]' '    extra_hosts: ["host.test:host-gateway"]
'
} >b.yaml

check 'nothing forwards before' forwards wire 0
sed 's/192.0.2.1:8083/192.0.2.9:8083/' a.yaml >wrong.yaml
check 'an address that is not the host'\''s is refused' expect 1 cunik-compose -f wrong.yaml up -d
check '… and named' err_has '192.0.2.9, which is no address of this host'
python3 -m http.server --bind 0.0.0.0 8090 >/dev/null 2>&1 &
listener=$!
wait_until 20 curl -sf -o /dev/null http://127.0.0.1:8090/
check 'a port that somebody listens on is refused' expect 1 cunik-compose -f b.yaml up -d
check '… and named' err_has 'port 0.0.0.0:8090/tcp is in use on the host'
kill $listener
if command -v iptables-nft >/dev/null; then
    iptables-nft -t nat -A PREROUTING -p tcp -m tcp --dport 8090 -j DNAT --to-destination 192.0.2.9:80
    check 'a port that another engine leads elsewhere is refused' expect 1 cunik-compose -f b.yaml up -d
    check '… and named' err_has "port 0.0.0.0:8090/tcp is in use on the host: chain 'PREROUTING' of iptables leads it elsewhere"
    nft delete table ip nat
fi
nft 'add table inet wall; add chain inet wall in { type nat hook prerouting priority dstnat; };
    add chain inet wall doors; add rule inet wall in fib daddr type local jump doors;
    add rule inet wall doors tcp dport { 25, 8088-8099 } dnat ip to 192.0.2.9:80'
check "a port that another's rule of nftables leads elsewhere is refused" expect 1 cunik-compose -f b.yaml up -d
check '… and the rule named' err_has "port 0.0.0.0:8090/tcp is in use on the host: chain 'doors' of nftables' table 'inet wall' leads it elsewhere"
nft delete table inet wall
check 'nothing was started' nothing_left_but_wire

check 'up' expect 0 cunik-compose -f a.yaml up -d --wait
check 'localhost answers, also to who tries ::1 first' localhost_answers 8080
check 'the way in forwards' forwards wire 1
check '… and the host as a whole does not' test "$(cat /proc/sys/net/ipv4/ip_forward)" = 0
check 'another machine is answered' answers_there http://192.0.2.1:8080/ 'hello from web'
check '… at one address alone' answers_there http://192.0.2.1:8083/ 'hello from web'
check '… not at the guest'\''s own' not answers_there "http://$(cunik inspect a-web-1 | jq -r '.[0].networks[0].address')/" 'hello from web'
check 'a range is published' answers http://127.0.0.1:8081/ 'hello from web'
check '… on 127.0.0.1' not answers_there http://192.0.2.1:8081/ 'hello from web'
port=$(cunik-compose -f a.yaml ps --format json | jq '[.Publishers[] | select(.PublishedPort >= 49152)][0].PublishedPort')
check "a port of the engine's choice is shown by ps" answers "http://127.0.0.1:$port/" 'hello from web'

check 'up of another stack' expect 0 cunik-compose -f b.yaml up -d --wait
check 'a guest reaches a port that another network publishes' guest_answers 8090 http://192.0.2.1:8080/ 'hello from web'
check '… and one of its own network' guest_answers 8090 http://192.0.2.1:8091/ 'hello from trusted'
web=$(cunik inspect a-web-1 | jq -r '.[0].networks[0].address')
check '… and no guest of another network otherwise' guest_gets_nothing 8090 "http://$web/" 'hello from web'
mkdir www
echo 'from the host' >www/hello
python3 -m http.server --bind 0.0.0.0 --directory www 7777 >/dev/null 2>&1 &
listener=$!
wait_until 10 answers http://127.0.0.1:7777/hello 'from the host'
gateway=$(ip -j -4 address show | jq -r '[.[] | select(.ifname | startswith("ckb"))] | .[].addr_info[0].local' | head -1)
check 'what the host serves is out of reach' guest_gets_nothing 8090 http://192.0.2.1:7777/hello 'from the host'
check '… at the gateways too' guest_gets_nothing 8090 "http://$gateway:7777/hello" 'from the host'
check '… but for who is told where the host is' guest_answers 8091 http://host.test:7777/hello 'from the host'
kill $listener

# What others delete is put back, and the guests run on.
before=$(pid_of a-web-1)/$(pid_of b-b-1)
bridge_of() { ip -o link show type bridge | awk -F': ' -v n="network $1" 'index($0, "alias") {print $2}' | while read -r l; do
    grep -q "network $1\$" "/sys/class/net/$l/ifalias" && echo "$l"; done; }
ip link del "$(bridge_of a_default)"
check 'a bridge that is deleted comes back' wait_until 20 answers_there http://192.0.2.1:8080/ 'hello from web'
nft flush ruleset
check 'rules that are flushed come back' wait_until 20 answers_there http://192.0.2.1:8080/ 'hello from web'
for pid in $(engine_pids); do
    [ "$(cat "/proc/$pid/comm")" != dnsmasq ] || kill -9 "$pid"
done
check 'name servers that are killed come back' wait_until 20 guest_answers 8090 http://trusted/ 'hello from trusted'
check 'the guests have run on' test "$before" = "$(pid_of a-web-1)/$(pid_of b-b-1)"
ip link add late type bridge
ip address add 198.51.100.1/24 dev late
ip link set late up
check 'a link that comes later forwards too' wait_until 20 forwards late 1

check 'down of one' expect 0 cunik-compose -f b.yaml down
check 'the other keeps its ways' forwards wire 1
check '… and answers' answers_there http://192.0.2.1:8080/ 'hello from web'
check 'down of the last' expect 0 cunik-compose -f a.yaml down
check 'nothing forwards any more' forwards wire 0
check '… on any link' forwards late 0
ip link del late
check 'nothing is left' nothing_left_but_wire

# dockerd, which drops what it does not forward itself, in a mount namespace of its own.
docker_rules() { iptables-nft -S 2>/dev/null | grep -v 'comment cunik_'; }
dropping() { iptables-nft -S FORWARD | grep -qx -- '-P FORWARD DROP' && iptables-nft -S DOCKER-USER >/dev/null; }
if ! command -v dockerd >/dev/null; then
    N=$((N + 1))
    echo "ok $N - beside dockerd # SKIP optional: there is no dockerd (Debian's package docker.io)"
    plan_tests_done
fi
check 'up before dockerd' expect 0 cunik-compose -f a.yaml up -d --wait
mkdir "$WORK/run" "$WORK/docker"
unshare --mount --propagation private bash -c 'mount -t tmpfs none /run && exec dockerd "$@"' - \
    --data-root="$WORK/docker" --exec-root=/run/exec --pidfile=/run/docker.pid --storage-driver=vfs \
    -H "unix://$WORK/run/docker.sock" >docker.log 2>&1 &
dockerd=$!
docker_api() { curl -sS --max-time 20 --unix-socket "$WORK/run/docker.sock" "$@"; }
check 'dockerd starts and drops' wait_until 60 dropping
check 'another machine is answered all the same' wait_until 20 answers_there http://192.0.2.1:8080/ 'hello from web'
check 'there is a rule of ours where Docker wants it' wait_until 20 \
    bash -c 'iptables-nft -S DOCKER-USER | grep -q "mark --mark 0x1000/0x1000 -m comment --comment cunik_.* -j ACCEPT"'
check 'Docker makes a network' wait_until 20 docker_api -f -o /dev/null -H 'Content-Type: application/json' \
    -d '{"Name": "n1", "Options": {"com.docker.network.bridge.name": "dn1"}}' http://docker/networks/create
check '… with its rules' wait_until 20 bash -c 'iptables-nft -S | grep -q -- "-i dn1 ! -o dn1 -j ACCEPT"'
wait_until 20 bash -c '! iptables-nft -S FORWARD | grep -q cunik_'
docker_rules >before
check 'down beside dockerd' expect 0 cunik-compose -f a.yaml down
docker_rules >after
check 'Docker'\''s rules are as they were' cmp before after
check '… and there is none of ours' bash -c '! iptables-nft -S | grep -q cunik_'
check 'what Docker has switched on stays' test "$(cat /proc/sys/net/ipv4/ip_forward)" = 1
check 'up beside dockerd' expect 0 cunik-compose -f a.yaml up -d --wait
check '… is answered' answers_there http://192.0.2.1:8080/ 'hello from web'
check 'down' expect 0 cunik-compose -f a.yaml down
kill "$dockerd"
wait "$dockerd"
dockerd=

plan_tests_done
