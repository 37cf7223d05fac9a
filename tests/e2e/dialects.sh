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

# Configs, secrets and single files for guests that unpack no initrd: on a disk, or in a folder, that is only read. What is
# on it is checked here; that their kernels read such disks and folders was seen on these (docs/backends.md).
echo 'a secret of theirs' >pw
echo 'one file' >motd
cat >files.yaml <<EOF
name: f
x-files: &files
  network_mode: none
  configs: [{source: conf, target: /config/deep/app.conf}, {source: conf, target: /config/again, mode: 0440}]
  secrets: [pw]
  volumes: ["./motd:/config/motd:ro"]
services:
  rumprun: {<<: *files, unikernel: {backend: rumprun, kernel: $PROBE}}
  osv: {<<: *files, command: [/probe], unikernel: {backend: osv, kernel: $PROBE}}
  unikraft: {<<: *files, unikernel: {backend: unikraft, kernel: $PROBE, initrd: motd}}
configs: {conf: {content: "said = yes"}}
secrets: {pw: {file: pw}}
EOF
images=$CUNIK_ROOT/images
check 'files: guests of three backends are made' expect 0 cunik-compose -f files.yaml up -d
check 'files: and run' wait_until 30 bash -c '[ "$(cunik ps -q --filter status=running | wc -l)" = 3 ]'
check 'files: the secret is on no command line' not grep -rqsF 'secret of theirs' /proc/[0-9]*/cmdline "$CUNIK_ROOT/etc" "$CUNIK_ROOT/stacks"
check 'files: and for root and the guests alone' equal "$(find "$images" "$CUNIK_ROOT/files" -name '*files*' -perm /077)" ''
# extracted DISK PATH: what a file of an ISO 9660 disk holds.
extracted() { xorriso -report_about FAILURE -osirrox on -indev "$1" -extract "$2" extracted >/dev/null 2>&1 && cat extracted && rm -f extracted; }
check 'rumprun: a disk for each folder' equal "$(cd "$images/f-rumprun-1" && echo files-*)" 'files-0.raw files-1.raw'
check 'rumprun: a config' equal "$(extracted "$images/f-rumprun-1/files-0.raw" /deep/app.conf)" 'said = yes'
check 'rumprun: a file of the host' equal "$(extracted "$images/f-rumprun-1/files-0.raw" /motd)" 'one file'
check 'rumprun: a secret' equal "$(extracted "$images/f-rumprun-1/files-1.raw" /pw)" 'a secret of theirs'
check 'osv: a config and a file of the host' bash -c "grep -aq 'said = yes' '$images/f-osv-1/files-0.raw' && grep -aq 'one file' '$images/f-osv-1/files-0.raw'"
check 'osv: a secret' bash -c "tail -c +513 '$images/f-osv-1/files-1.raw' | head -1 | grep -qx 'a secret of theirs'"
check 'unikraft: a config' equal "$(cat "$images/f-unikraft-1/files-0/deep/app.conf")" 'said = yes'
check 'unikraft: a secret, which its QEMU alone reads' equal "$(cat "$images/f-unikraft-1/files-1/pw") $(stat -c %U:%a "$images/f-unikraft-1/files-1/pw")" \
    'a secret of theirs libvirt-qemu:400'
words() { engine_pids | while read -r p; do tr '\0' '\n' <"/proc/$p/cmdline"; done; }
check 'unikraft: which cannot be written' grep -q 'f-unikraft-1/files-1,readonly' <<<"$(words)"
echo 'another' >pw
check 'files: another content makes other guests' expect 0 cunik-compose -f files.yaml up -d
check 'rumprun: with the new secret' equal "$(extracted "$images/f-rumprun-1/files-1.raw" /pw)" another
check 'unikraft: with the new secret' equal "$(cat "$images/f-unikraft-1/files-1/pw")" another
check 'files: down' expect 0 cunik-compose -f files.yaml down
check 'nothing is left' nothing_left
check 'a config in the root' expect 2 bash -c "sed 's,target: /config/again,target: /again,' files.yaml >root.yaml; cunik-compose -f root.yaml up -d"
check '… is refused, with what to do' err_has "config 'conf': '/again' is in the root, which the disk with it would cover; its target has to be in a folder, such as /config/again"
check 'a backend without file systems' expect 2 bash -c "sed 's,backend: unikraft,backend: solo5,' files.yaml >solo5.yaml; cunik-compose -f solo5.yaml up -d"
check '… says why' err_has 'guests of the backend solo5 are brought no single files: Solo5 gives a program blocks and no file system'
check 'nothing is left' nothing_left

plan_tests_done
