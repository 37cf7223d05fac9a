#!/bin/bash
# The probe guest through each dialect that a backend speaks: arguments and environment arrive byte for
# byte, addresses and names work, several networks too.
. "$(dirname "$0")/lib.sh"

cd "$WORK" || exit 1
cat >cunik-compose.yaml <<EOF
name: d
services:
  unikraft:
    command: [plain, "two words", "a=b,c"]
    environment: {A: "1", B: "two words"}
    hostname: uk
    networks: {one: {ipv4_address: 10.88.1.10}, two: {}}
    ports: ["18081:80"]
    unikernel: {backend: unikraft, kernel: $PROBE}
  linux:
    command: [plain, "two words", 'q"uo''te', "100%", "ünï"]
    environment: {A: "1", B: "two words", C: 'a"b\$\$c'}
    hostname: lx
    networks: [one]
    mem_limit: 32m
    ports: ["18082:80"]
    unikernel: {backend: linux, kernel: $PROBE}
  rumprun:
    command: [plain, "", "two words", 'q"uo\te', "tab	bed"]
    environment: {A: "1", B: "two words", C: "a,b{}"}
    hostname: rr
    networks: {one: {}, two: {}}
    ports: ["18084:80"]
    unikernel: {backend: rumprun, kernel: $PROBE}
  osv:
    command: [/probe, plain, "two words", 'q"uo\te''s', "a;b&c!d"]
    environment: {A: "1", B: "two words", C: 'back\slash'}
    networks: {one: {}, two: {}}
    ports: ["18085:80"]
    unikernel: {backend: osv, kernel: $PROBE}
  solo5:
    command: [plain, "two words", 'q"uo\te''s']
    networks: [small]
    ports: ["18086:80"]
    unikernel: {backend: solo5, kernel: $PROBE, machine: q35}
  raw:
    networks: {one: {ipv4_address: 10.88.1.30}}
    ports: ["18083:80"]
    mem_limit: 16m
    unikernel:
      backend: raw
      kernel: $PROBE
      cmdline: "x netdev.ip=10.88.1.30/24:10.88.1.1:::raw: -- given as is"
networks:
  one: {ipam: {config: [{subnet: 10.88.1.0/24}]}}
  two: {internal: true}
  small: {driver_opts: {mtu: "1400"}}
EOF
check 'all dialects come up' expect 0 cunik-compose up -d --wait
for dialect in unikraft:18081:uk linux:18082:lx raw:18083:raw; do
    IFS=: read -r name port host <<<"$dialect"
    check "$name: answers" wait_until 10 answers "http://127.0.0.1:$port/" "hello from $host"
done
check 'unikraft: arguments' answers http://127.0.0.1:18081/args $'plain\ntwo words\na=b,c'
check 'unikraft: environment' answers http://127.0.0.1:18081/env $'A=1\nB=two words'
check 'linux: arguments' answers http://127.0.0.1:18082/args $'plain\ntwo words\nq"uo\'te\n100%\nünï'
check 'linux: environment' answers http://127.0.0.1:18082/env $'A=1\nB=two words\nC=a"b$c'
for dialect in rumprun:18084:rr osv:18085:probe solo5:18086:probe; do
    IFS=: read -r name port host <<<"$dialect"
    check "$name: answers" wait_until 10 answers "http://127.0.0.1:$port/" "hello from $host"
    check "$name: speaks it" bash -c "curl -sS http://127.0.0.1:$port/stats | grep -q $name"
done
check 'rumprun: arguments' answers http://127.0.0.1:18084/args $'plain\n\ntwo words\nq"uo\\te\ntab\tbed'
check 'rumprun: environment' answers http://127.0.0.1:18084/env $'A=1\nB=two words\nC=a,b{}'
check 'osv: arguments' answers http://127.0.0.1:18085/args $'/probe\nplain\ntwo words\nq"uo\\te\'s\na;b&c!d'
check 'osv: environment' answers http://127.0.0.1:18085/env $'A=1\nB=two words\nC=back\\slash'
check 'solo5: arguments' answers http://127.0.0.1:18086/args $'plain\ntwo words\nq"uo\\te\'s'
for port in 18084 18085; do
    check "$port: two interfaces" bash -c "curl -sS http://127.0.0.1:$port/net | grep -c ^eth | grep -qx 2"
done
check 'raw: arguments' answers http://127.0.0.1:18083/args $'given\nas\nis'
check 'two interfaces' bash -c 'curl -sS http://127.0.0.1:18081/net | grep -c ^eth | grep -qx 2'
check 'static address' bash -c 'curl -sS http://127.0.0.1:18081/net | grep -q 10.88.1.10'
check 'the port is published on every address' answers http://10.88.1.1:18082/ 'hello from lx'
address=$(cunik inspect d-linux-1 | jq -r '(if type == "array" then .[0] else . end) | (.interfaces // .networks)[0].address')
check 'names resolve from guests' answers 'http://127.0.0.1:18081/resolve?linux' "$address"
check 'service-N resolves' answers 'http://127.0.0.1:18081/resolve?linux-1' "$address"
check 'an unknown name does not' \
    test "$(curl -s -o /dev/null -w '%{http_code}' 'http://127.0.0.1:18081/resolve?nobody')" = 404

qemu_status() { # FIELD: its values over all guests
    local pid
    for pid in $(engine_pids); do
        case $(cat "/proc/$pid/comm") in
        qemu*) awk -v f="$1:" '$1 == f {print $2}' "/proc/$pid/status" ;;
        esac
    done | sort -u
}
with_mtu() { # how many guests
    local pid
    for pid in $(engine_pids); do
        tr '\0' '\n' <"/proc/$pid/cmdline" | grep -F 'host_mtu":1400'
    done | wc -l
}
check 'solo5: its network device tells the MTU' equal "$(with_mtu)" 1
check 'QEMU does not run as root' bash -c "[ '$(qemu_status Uid)' != 0 ] && [ -n '$(qemu_status Uid)' ]"
check 'QEMU runs under seccomp' test "$(qemu_status Seccomp)" = 2
check 'down' expect 0 cunik-compose down
check 'nothing is left' nothing_left

# OSv from its disk image: the command line goes onto a file of each guest's own over it. What is checked is what its loader
# would read; nothing runs.
truncate -s 1M usr.raw && printf 'old line\0' | dd of=usr.raw bs=512 seek=1 conv=notrunc status=none
cp usr.raw usr.before
mkdir site && echo content >site/file
cat >osv.yaml <<EOF
name: d
services:
  osv:
    command: [/probe, "two words"]
    environment: {A: "1 \$\$2"}
    network_mode: none
    scale: 2
    volumes: ["./site:/data:ro"]
    unikernel: {backend: osv, disks: [{path: usr.raw}]}
EOF
check 'osv from its disk image: made' expect 0 cunik-compose -f osv.yaml up --no-start
for n in 1 2; do
    over=$CUNIK_ROOT/images/d-osv-$n/disk-0.qcow2
    qemu-img convert -O raw "$over" over.raw
    check "osv $n: its command line" equal "$(tail -c +513 over.raw | head -c 512 | tr -d '\0')" \
        '--console=serial --power-off-on-abort --verbose --mount-fs=rofs,/dev/vblk1,/data --env=A=1\ $2 /probe "two words"'
    check "osv $n: the rest is the image's" cmp -s <(tail -c +1025 over.raw) <(tail -c +1025 usr.before)
    check "osv $n: it is nobody else's" equal "$(stat -c %a "$over")" 600
done
check 'osv: what it only reads is in its own format' bash -c "head -c 4 '$CUNIK_ROOT/images/d-osv-1/folder-1.raw' | od -An -tx4 | grep -qx ' deadbead'"
check 'osv: the image is as it was' cmp usr.raw usr.before
check 'osv: down' expect 0 cunik-compose -f osv.yaml down
check 'nothing is left' nothing_left

# Folders that QEMU itself opens, for 9p: a volume is its user's, one of the host that it could not write is said.
chmod 755 site && chmod 711 "$WORK"
cat >folders.yaml <<EOF
name: d
services:
  uk:
    network_mode: none
    volumes: [keep:/keep, ./site:/site]
    unikernel: {backend: unikraft, kernel: $PROBE}
volumes: {keep: {driver_opts: {format: directory}}}
EOF
check 'unikraft: folders: made' expect 0 cunik-compose -f folders.yaml up --no-start
check 'unikraft: a folder that its guest cannot write is said' err_has "site' cannot be written by the user"
check 'unikraft: the folder of a volume is the guests'"'"' user'"'"'s' bash -c "[ \"\$(stat -c %U '$CUNIK_ROOT/volumes/d_keep/data')\" = libvirt-qemu ]"
check 'unikraft: folders: down' expect 0 cunik-compose -f folders.yaml down -v
check 'nothing is left' nothing_left

plan_tests_done
