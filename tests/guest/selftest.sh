#!/usr/bin/env bash
# Boots the probe guest in every dialect, with QEMU alone, in a network namespace of its own, and checks what README.md
# says of it. Needs root, ip(8), nft(8), curl, dnsmasq, python3 and qemu-system-x86_64.
# Usage: selftest.sh [KERNEL]. Prints `ok NAME` or `not ok NAME`; ends with 1 when anything was not ok.
set -u

here=$(cd "$(dirname "$0")" && pwd)
kernel=$(realpath -m "${1:-$here/../../build/guests/probe.elf}")

if [ -z "${GUEST_SELFTEST_INSIDE:-}" ]; then
    for tool in qemu-system-x86_64 ip nft curl dnsmasq /usr/bin/python3 unshare; do
        command -v "$tool" >/dev/null || { echo "not ok prerequisites: no $tool"; exit 1; }
    done
    [ -f "$kernel" ] || { echo "not ok prerequisites: no $kernel"; exit 1; }
    GUEST_SELFTEST_INSIDE=1 exec unshare -n -- "$0" "$kernel"
fi

work=$(mktemp -d) || exit 1
declare -A running=()
failed=0
passed=0

cleanup() {
    for pid in "${running[@]}"; do kill "$pid" 2>/dev/null; done
    wait
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# --- saying how it went

ok() {
    passed=$((passed + 1))
    echo "ok $1"
}

not_ok() {
    failed=$((failed + 1))
    echo "not ok $1"
    shift
    [ $# -eq 0 ] || printf '    %s\n' "$@"
}

# is NAME GOT WANTED
is() {
    if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "got:    ${2//$'\n'/ | }" "wanted: ${3//$'\n'/ | }"; fi
}

# has NAME TEXT PATTERN: a line of TEXT matches the extended regular expression
has() {
    if grep -Eq -- "$3" <<<"$2"; then ok "$1"; else not_ok "$1" "got:    ${2//$'\n'/ | }" "wanted: $3"; fi
}

now_ms() {
    local t=${EPOCHREALTIME/[.,]/}
    echo $((t / 1000))
}

# soon SECONDS COMMAND...: polls until it succeeds
soon() {
    local end=$(($(now_ms) + $1 * 1000))
    shift
    until "$@"; do
        [ "$(now_ms)" -lt $end ] || return 1
        sleep 0.01
    done
}

# --- guests

tap() {
    ip tuntap add "$1" mode tap && ip link set "$1" master br0 up
}

# start NAME TAPS APPEND [QEMU OPTIONS...]; console in $work/NAME.log
start() {
    local name=$1 taps=$2 append=$3 nic=() n=0 one
    shift 3
    for one in $taps; do
        n=$((n + 1))
        nic+=(-netdev "tap,id=n$n,ifname=$one,script=no,downscript=no"
            -device "virtio-net-pci,netdev=n$n,disable-modern=off,romfile=,mac=52:54:00:00:00:0${one#t}")
    done
    : >"$work/$name.log"
    qemu-system-x86_64 -machine pc -accel tcg -m 16 -nodefaults -no-user-config -display none -no-reboot \
        -serial "file:$work/$name.log" "${nic[@]}" -kernel "$kernel" -append "$append" "$@" \
        </dev/null >"$work/$name.qemu" 2>&1 &
    running[$name]=$!
}

stop() {
    kill "${running[$1]}" 2>/dev/null
    wait "${running[$1]}" 2>/dev/null
    unset "running[$1]"
}

alive() {
    local state
    state=$(cut -d' ' -f3 "/proc/${running[$1]}/stat" 2>/dev/null) && [ "$state" != Z ]
}

dead() {
    ! alive "$1"
}

# ended NAME SECONDS: waits for its end; QEMU's exit status in $status
ended() {
    status=running
    soon "$2" dead "$1" || return 1
    wait "${running[$1]}"
    status=$?
    unset "running[$1]"
}

fetch() {
    curl -s --max-time 30 "http://$1"
}

answers() {
    # A packet sent before the guest listens is lost, and the host's TCP waits a second before it tries again.
    curl -s -o "$work/answer" --connect-timeout 0.2 --max-time 5 "http://$1/"
}

said() {
    grep -Eq -- "$2" "$work/$1.log"
}

console() {
    cat "$work/$1.log"
}

ticks() {
    local fields
    read -ra fields <"/proc/${running[$1]}/stat"
    echo $((fields[13] + fields[14]))
}

# --- the tests

# in_dialect NAME APPEND HOST ARGS [QEMU OPTIONS...]: everything that all dialects can say
in_dialect() {
    local name=$1 host=$3 args=$4 begin
    begin=$(now_ms)
    start "$name" t2 "$2" "${@:5}"
    if ! soon 30 answers 10.9.0.2; then
        not_ok "$name: answers" "$(console "$name")"
        stop "$name"
        return
    fi
    ok "$name: answers ($(($(now_ms) - begin)) ms after QEMU's start)"
    is "$name: /" "$(fetch 10.9.0.2/)" "hello from $host"
    is "$name: /args" "$(fetch 10.9.0.2/args)" "$args"
    has "$name: /net" "$(fetch 10.9.0.2/net)" \
        '^eth0 address 10\.9\.0\.2/24 mask 255\.255\.255\.0 gateway 10\.9\.0\.1 mac 52:54:00:00:00:02 mtu 1500$'
    has "$name: recognised" "$(fetch 10.9.0.2/stats)" "^dialect $name\$"
    is "$name: console" "$(console "$name")" \
        $'probe: booted\nprobe: eth0 10.9.0.2/24 gw 10.9.0.1\nprobe: ready'
}

env_is() {
    is "$1: /env" "$(fetch 10.9.0.2/env)" $'A=1\nB=two words'
    stop "$1"
}

test_dialects() {
    in_dialect linux 'console=ttyS0 quiet ip=10.9.0.2::10.9.0.1:255.255.255.0:other:eth0:off:10.9.0.1 hostname=web env=A=1 env=B=two%20words arg=one arg=two%20%22words%22%25' \
        web $'one\ntwo "words"%'
    env_is linux
    in_dialect unikraft 'probe netdev.ip=10.9.0.2/24:10.9.0.1:10.9.0.1::web:test env.vars=[ "A=1" "B=two words" ] vfs.fstab=[ "initrd0:/:extract::ramfs=1:" ] -- one "two words"' \
        web $'one\ntwo words'
    env_is unikraft
    in_dialect rumprun '{"cmdline": "probe one '"'two words'"'", "env": "A=1", "env": "B=two words", "hostname": "web", "net": {"if": "vioif0", "type": "inet", "method": "static", "addr": "10.9.0.2", "mask": "24", "gw": "10.9.0.1"}}' \
        web $'one\ntwo words'
    env_is rumprun
    in_dialect osv '--console=serial --ip=eth0,10.9.0.2,255.255.255.0 --defaultgw=10.9.0.1 --nameserver=10.9.0.1 --env=A=1 --env=B=two\ words /probe one "two words; $HOME"' \
        probe $'/probe\none\ntwo words; $HOME'
    env_is osv
    in_dialect solo5 '--solo5:quiet --ipv4=10.9.0.2/24 --ipv4-gateway=10.9.0.1 one "two words"' probe $'one\ntwo words'
    stop solo5
}

# refused NAME APPEND PATTERN: the guest says what is wrong with its command line
refused() {
    start bad t2 "$2"
    soon 30 said bad 'serving nothing'
    has "refuses $1" "$(console bad)" "^probe: command line: $3\$"
    stop bad
}

test_bad_lines() {
    refused 'a dotted mask in unikraft' 'probe netdev.ip=10.9.0.2/255.255.255.0 -- a' "bad mask .*"
    refused 'an open list in unikraft' 'probe env.vars=[ "A=1" -- a' 'a list is not closed by \]'
    refused 'an unknown key in rumprun' '{"cmdline": "a", "dns": "10.9.0.1"}' "unknown key 'dns'"
    refused 'a broken object in rumprun' '{"net": {"if": "vioif0"' "no ',' at ''"
    refused 'a bad percent sign in linux' 'arg=100%' "bad % sign in 'arg=100%'"
    refused 'an unquoted semicolon in osv' '--verbose /probe a;b' "unquoted 'a;b'"
    start none t2 'exit=1 after=300'
    soon 30 said none 'exiting'
    has 'no network: says so' "$(console none)" '^probe: no network: serving nothing$'
    stop none
}

test_machines() {
    tap t4; tap t5
    start qboot t2 'ip=10.9.0.2::10.9.0.1:24' -bios /usr/share/qemu/qboot.rom
    local begin
    begin=$(now_ms)
    if soon 30 answers 10.9.0.2; then
        ok "qboot: answers ($(($(now_ms) - begin)) ms after QEMU's start)"
        fetch '10.9.0.2/exit?0' >"$work/answer"
        ended qboot 30
        is 'qboot: powers off' "$status" 0
    else
        not_ok 'qboot: answers' "$(console qboot)"
        stop qboot
    fi
    start q35 '' 'ip=10.9.0.2::10.9.0.1:24 arg=acpi' -machine q35 -netdev tap,id=n1,ifname=t2,script=no,downscript=no \
        -device virtio-net-pci,netdev=n1,bus=pcie.0,disable-legacy=off,romfile=
    soon 30 answers 10.9.0.2
    is 'q35: answers' "$(fetch '10.9.0.2/exit?0')" 'exiting with 0'
    ended q35 30
    is 'q35: powers off' "$status" 0
    start small 't2 t3 t4 t5' 'probe netdev.ip=[ "10.9.0.2/24:10.9.0.1" "10.9.1.2/24" "10.9.2.2/24" "10.9.3.2/24" ] -- a' -m 4
    soon 30 answers 10.9.0.2
    is '4 MiB and four cards' "$(fetch 10.9.0.2/net | cut -d' ' -f1-3)" \
        $'eth0 address 10.9.0.2/24\neth1 address 10.9.1.2/24\neth2 address 10.9.2.2/24\neth3 address 10.9.3.2/24'
    ip addr add 10.9.3.1/24 dev br0
    is 'the last card answers' "$(fetch 10.9.3.2/)" 'hello from probe'
    stop small
    ip addr del 10.9.3.1/24 dev br0
}

test_network() {
    start net t2 'ip=10.9.0.2::10.9.0.1:24:web:eth0:off:10.9.0.1 unused mtu=eth0:1400'
    soon 30 answers 10.9.0.2
    seq 64 | xargs -P 64 -I{} curl -s --max-time 30 'http://10.9.0.2/echo?{}' >"$work/echoes"
    is '64 requests at once' "$(sort -n "$work/echoes" | md5sum)" "$(seq 64 | md5sum)"
    is 'ten requests on one connection' \
        "$(curl -s --max-time 30 -w '%{num_connects}\n' -o "$work/answer" 'http://10.9.0.2/echo?[1-10]' | awk '{ n += $1 } END { print n }')" 1
    is '3 MB' "$(fetch '10.9.0.2/big?3000000' | md5sum)" "$(big 3000000 | md5sum)"
    has 'mtu' "$(fetch 10.9.0.2/net)" 'mtu 1400$'
    is 'ping' "$(ping_once 10.9.0.2)" 'the same came back'
    is 'UDP echo' "$(bash -c 'exec 3<>/dev/udp/10.9.0.2/7 && printf "some text" >&3 && timeout 10 head -c 9 <&3')" 'some text'
    is 'closed port is refused' "$(curl -s --max-time 30 http://10.9.0.2:81/; echo $?)" 7
    is 'HEAD has no body' "$(curl -sI --max-time 30 http://10.9.0.2/health | grep -ci '^content-length: 8')" 1
    is 'POST is refused' "$(curl -s -d x=1 -o "$work/answer" -w '%{http_code}' --max-time 30 http://10.9.0.2/)" 405
    is 'not HTTP is refused' "$(bash -c 'exec 3<>/dev/tcp/10.9.0.2/80 && printf "nonsense\n\n" >&3 && timeout 10 head -n 1 <&3' | tr -d '\r')" 'HTTP/1.1 400 Bad Request'
    is 'endless header is refused' "$(bash -c 'exec 3<>/dev/tcp/10.9.0.2/80 && head -c 9000 /dev/zero >&3 && timeout 10 head -n 1 <&3' | tr -d '\r')" \
        'HTTP/1.1 431 Request Header Fields Too Large'
    test_names
    test_loss
    local before
    before=$(ticks net)
    sleep 1
    is 'idle' "$(($(ticks net) - before < 2))" 1
    stop net
}

# One ICMP echo of 1000 bytes; Debian's ping is not everywhere.
ping_once() {
    /usr/bin/python3 - "$1" <<'PYTHON'
import socket, struct, sys

def checksum(data):
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff

data = bytes(i % 251 for i in range(1000))
head = struct.pack('!BBHHH', 8, 0, 0, 77, 1)
head = head[:2] + struct.pack('!H', checksum(head + data)) + head[4:]
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as link:
    link.settimeout(20)
    link.sendto(head + data, (sys.argv[1], 0))
    reply = link.recv(2000)[20:]
same = reply[0] == 0 and reply[4:] == head[4:] + data and checksum(reply) == 0
print('the same came back' if same else 'something else came back')
PYTHON
}

test_names() {
    dnsmasq --keep-in-foreground --conf-file=/dev/null --no-hosts --no-resolv --bind-interfaces --interface=br0 \
        --except-interface=lo --user=root --pid-file= --host-record=web,10.9.0.2 --host-record=other,10.9.0.3 \
        --cname=alias,other >"$work/dnsmasq" 2>&1 &
    running[dnsmasq]=$!
    resolves() { [ "$(fetch '10.9.0.2/resolve?web')" = 10.9.0.2 ]; }
    soon 30 resolves
    is 'resolves a name' "$(fetch '10.9.0.2/resolve?other')" 10.9.0.3
    is 'resolves an alias' "$(fetch '10.9.0.2/resolve?alias')" 10.9.0.3
    is 'unknown name' "$(curl -s -o "$work/answer" -w '%{http_code}' --max-time 30 'http://10.9.0.2/resolve?nobody')" 404
}

# Every tenth packet is lost, either way: everything arrives all the same, in order.
test_loss() {
    nft -f - <<'RULES'
table netdev loss {
    chain in { type filter hook ingress device t2 priority 0; numgen random mod 10 0 drop; }
}
table ip loss {
    chain out { type filter hook output priority 0; oifname br0 numgen random mod 10 0 drop; }
}
RULES
    is 'lost packets are sent again' "$(curl -s --max-time 60 '10.9.0.2/big?300000' | md5sum)" "$(big 300000 | md5sum)"
    has 'and it counts them' "$(curl -s --max-time 60 10.9.0.2/stats)" '^tcp_resent [1-9]'
    nft delete table netdev loss
    nft delete table ip loss
}

# big N: what /big?N answers
big() {
    awk 'BEGIN { for (;; i++) { s = ""; for (k = 0; k < 63; k++) s = s i % 10; print s } }' | head -c "$1"
}

test_calls() {
    start server t3 'ip=10.9.0.3::10.9.0.1:24:other:eth0:off:10.9.0.1 arg=delay=700 arg=port=8080 arg=unhealthy arg=healthy_after=1200'
    start client t2 'ip=10.9.0.2::10.9.0.1:24:web:eth0:off:10.9.0.1 arg=get=http://other:8080/ arg=get=http://other:8080/health'
    soon 30 said client '^get http://other:8080/health: 200 healthy'
    has 'get= calls by name and waits for a slow start' "$(console client)" \
        '^get http://other:8080/: 200 hello from other$'
    has 'get= waits for health' "$(console client)" '^get http://other:8080/health: 200 healthy$'
    is '/get calls' "$(fetch '10.9.0.2/get?http://10.9.0.3:8080/echo?x%20y')" 'x y'
    is '/get of a closed port' "$(fetch '10.9.0.2/get?http://10.9.0.3:81/')" 'refused'
    is '/get of an error' "$(fetch '10.9.0.2/get?http://10.9.0.3:8080/nothing')" 'it answered 404'
    seq 32 | xargs -P 32 -I{} curl -s --max-time 30 'http://10.9.0.2/get?http://other:8080/echo?{}' >"$work/echoes"
    is '32 calls at once' "$(sort -n "$work/echoes" | md5sum)" "$(seq 32 | md5sum)"
    stop client
    stop server
}

test_delay() {
    local begin
    start slow t2 'ip=10.9.0.2::10.9.0.1:24 arg=delay=2500'
    soon 30 said slow 'eth0'
    begin=$(now_ms)
    soon 30 answers 10.9.0.2
    is 'delay=' "$(($(now_ms) - begin > 400))" 1
    is 'healthy at first' "$(curl -s -o "$work/answer" -w '%{http_code}' 10.9.0.2/health)" 200
    is 'ill when told to be' "$(curl -s -o "$work/answer" -w '%{http_code}' '10.9.0.2/health?ill')" 503
    is '… from then on' "$(curl -s -o "$work/answer" -w '%{http_code}' 10.9.0.2/health)" 503
    is '… and well again' "$(curl -s -o "$work/answer" -w '%{http_code}' '10.9.0.2/health?well')" 200
    stop slow
}

test_ends() {
    local name=exits
    start $name '' 'arg=say=a%20word arg=exit=7'
    ended $name 30
    is 'exit=: powers off' "$status $(console $name | tail -n 2 | paste -sd,)" '0 a word,exiting with 7'
    start $name '' 'arg=exit=7 arg=debugexit' -device isa-debug-exit
    ended $name 30
    is 'exit= with debugexit' "$status" 15
    start $name t2 'ip=10.9.0.2::10.9.0.1:24 arg=exit=3 arg=after=4000 arg=debugexit' -device isa-debug-exit
    soon 30 answers 10.9.0.2 && ok 'after=: not yet' || not_ok 'after=: not yet'
    ended $name 30
    is 'after=: then' "$status" 7
    start $name t2 'ip=10.9.0.2::10.9.0.1:24 arg=debugexit' -device isa-debug-exit
    soon 30 answers 10.9.0.2
    is '/exit: answers' "$(fetch '10.9.0.2/exit?5')" 'exiting with 5'
    ended $name 30
    is '/exit: ends' "$status" 11
    start $name '' 'arg=crash' -d cpu_reset -D "$work/crash"
    ended $name 30
    has 'crash' "$(cat "$work/crash")" '^Triple fault'
    start $name t2 'ip=10.9.0.2::10.9.0.1:24' -d cpu_reset -D "$work/crash"
    soon 30 answers 10.9.0.2
    is '/crash: answers' "$(fetch 10.9.0.2/crash)" crashing
    ended $name 30
    has '/crash: ends' "$(cat "$work/crash")" '^Triple fault'
    start $name '' 'arg=reset'
    ended $name 30
    is 'reset' "$status" 0
    start $name t2 'ip=10.9.0.2::10.9.0.1:24'
    soon 30 answers 10.9.0.2
    is '/hang: answers' "$(fetch 10.9.0.2/hang)" hanging
    is '/hang: then nothing' "$(curl -s --max-time 0.5 http://10.9.0.2/; echo $?)" 28
    alive $name && ok '/hang: still there' || not_ok '/hang: still there'
    stop $name
}

test_power_button() {
    local heed
    mkfifo "$work/monitor.in" "$work/monitor.out"
    for heed in acpi deaf; do
        start $heed t2 "ip=10.9.0.2::10.9.0.1:24 arg=$heed" -chardev "pipe,id=m,path=$work/monitor" -mon chardev=m
        soon 30 answers 10.9.0.2
        echo system_powerdown >"$work/monitor.in"
        if [ $heed = acpi ]; then
            ended acpi 30
            is 'acpi: powers off' "$status $(console acpi | tail -n 1)" '0 power button'
        else
            is 'without acpi: ignores the button' "$(fetch 10.9.0.2/)$(said deaf button; echo $?)" 'hello from probe1'
            stop deaf
        fi
    done
}

test_console_and_disks() {
    printf 'first disk\nline two' | head -c 100 >"$work/disk0"
    printf 'second' >"$work/disk1"
    truncate -s 1M "$work/disk0" "$work/disk1"
    start disks t2 'ip=10.9.0.2::10.9.0.1:24 arg=disk=0 arg=disk=7 arg=flood=2000 mount=vda:/data:ext4:ro' \
        -drive "file=$work/disk0,format=raw,if=none,id=d0" -device virtio-blk-pci,drive=d0,disable-modern=off \
        -drive "file=$work/disk1,format=raw,if=none,id=d1" -device virtio-blk-pci,drive=d1,disable-modern=off
    soon 30 answers 10.9.0.2
    has 'disk=' "$(console disks)" '^disk 0: first disk$'
    has 'disk= of none' "$(console disks)" '^disk 7: no such disk$'
    has 'mount=' "$(console disks)" '^probe: mount vda /data ext4 ro$'
    is '/disk' "$(fetch '10.9.0.2/disk?0')$(fetch '10.9.0.2/disk?1')" $'first disk\nline twosecond'
    soon 30 said disks '^flood 2000 of 2000$'
    is 'flood=: every line whole' "$(grep -c '^flood [0-9]* of 2000$' "$work/disks.log")" 2000
    stop disks
}

ip link set lo up
ip link add br0 type bridge forward_delay 0 && ip addr add 10.9.0.1/24 dev br0 && ip link set br0 up
tap t2 && tap t3 || { not_ok 'a bridge and taps'; exit 1; }

for one in dialects bad_lines machines network calls delay ends power_button console_and_disks; do
    "test_$one"
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
