#!/bin/bash
# How guests end, as `ps` and `events` tell it: what their console says, what they say through a device, and those
# that never power off; and what a service and its kernel cannot agree on, which is said before anything starts.
. "$(dirname "$0")/lib.sh"

cd "$WORK" || exit 1
KERNELS=$ROOT_DIR/tests/fuzz/corpus/kernel

# Guests that end by themselves.
cat >cunik-compose.yaml <<EOF
name: e
services:
  still:
    command: ["say==== ERROR: _exit(3) called ===", "halt=halted"]
    unikernel: {backend: rumprun, kernel: $PROBE}
  well:
    command: ["say==== _exit(0) called ===", "halt=halted"]
    unikernel: {backend: rumprun, kernel: $PROBE}
  aborts:
    command: ["say=Solo5: ABORT: mem.c:54: Not enough memory", "exit=0"]
    network_mode: none
    unikernel: {backend: solo5, kernel: $PROBE}
  returns:
    command: ["/probe", "say=program /probe returned 7", "exit=0"]
    unikernel: {backend: osv, kernel: $PROBE}
  device:
    unikernel: {backend: raw, kernel: $PROBE, cmdline: "x debugexit exit=5", params: {debugexit: "true"}}
  quiet:
    command: ["exit=0"]
    network_mode: none
    unikernel: {backend: solo5, kernel: $PROBE}
  crashes:
    command: ["crash"]
    network_mode: none
    unikernel: {backend: solo5, kernel: $PROBE}
EOF
check 'up' expect 0 cunik-compose up -d
field() { # SERVICE KEY, of which nothing and zero are not there
    cunik inspect "e-$1-1" | jq -r ".[0].status.$2 // ${3:-\"\"}"
}
ended() { # SERVICE
    [ "$(field "$1" state)" = exited ]
}
for case in still:3:poweroff:'=== ERROR: _exit(3) called ===' well:0:poweroff:'=== _exit(0) called ===' \
    aborts:134:poweroff:'Solo5: ABORT: mem.c:54: Not enough memory' \
    returns:7:poweroff:'program /probe returned 7' device:5:poweroff: quiet:0:poweroff: crashes:134:reset:; do
    IFS=: read -r name code end reason <<<"$case"
    check "$name: ends" wait_until 30 ended "$name"
    check "$name: exit status $code" equal "$(field "$name" exit_code 0)" "$code"
    check "$name: by $end" equal "$(field "$name" end)" "$end"
    check "$name: reason" equal "$(field "$name" reason)" "$reason"
done
check 'down' expect 0 cunik-compose down
check 'nothing is left' nothing_left

# A guest whose console only said these words before it was started anew, or says more behind them, goes on.
cat >cunik-compose.yaml <<EOF
name: e
services:
  web:
    command: ["say==== _exit(0) called ===", "say=halted", "say=but it goes on"]
    networks: {default: {ipv4_address: 10.88.7.10}}
    unikernel: {backend: rumprun, kernel: $PROBE}
networks:
  default: {ipam: {config: [{subnet: 10.88.7.0/24}]}}
EOF
check 'one that goes on: up' expect 0 cunik-compose up -d
check 'one that goes on: answers' wait_until 30 answers http://10.88.7.10/args \
    $'say==== _exit(0) called ===\nsay=halted\nsay=but it goes on'
check 'one that goes on: is running' equal "$(field web state)" running
check 'down' expect 0 cunik-compose down

# Linux's own init, with a program and without one that can be run.
cat >cunik-compose.yaml <<EOF
name: e
services:
  after:
    depends_on: {missing: {condition: service_completed_successfully}}
    network_mode: none
    unikernel: {backend: solo5, kernel: $PROBE}
  missing:
    command: [nosuchprogram]
    mem_limit: 128m
    network_mode: none
    unikernel:
      backend: linux
      kernel: $ROOT_DIR/build/guests/linux/vmlinux
      initrd: $ROOT_DIR/build/guests/app.cpio
EOF
check 'a program that is missing: up fails' expect 1 timeout 150 cunik-compose up -d
check 'a program that is missing: exit status 127' equal "$(field missing exit_code 0)" 127
check 'a program that is missing: reason' equal "$(field missing reason)" \
    "init: cannot run 'nosuchprogram': No such file or directory; exited with status 127"
check 'a program that is missing: what depends on its success does not start' \
    not equal "$(cunik-compose ps -a --format json after | jq -r .State)" running
check 'one that cannot be run' expect 126 timeout 150 cunik-compose run --rm missing /etc/cunik/command
check 'one that runs' expect 3 timeout 150 cunik-compose run --rm missing lua5.4 -e 'print("its output") os.exit(3)'
check 'one that runs: its output' out_has 'its output'
check 'one that runs: the last line is about it' equal "$(tail -n 1 "$OUT" | tr -d '\r')" 'init: lua5.4 exited with status 3'
check 'down' expect 0 cunik-compose down
check 'nothing is left' nothing_left

# What cannot work is said before anything is made.
refused() { # NAME TEXT, the service's lines on standard input
    { printf 'name: e\nservices:\n  web:\n' && sed 's/^/    /'; } >cunik-compose.yaml
    check "$1: status 2" expect 2 cunik-compose up -d
    check "$1: says '$2'" err_has "$2"
    check "$1: nothing is left" nothing_left
}
refused 'a manifest that asks for a disk' "asks for 1 disk ('storage') and the service has 0" <<EOF
unikernel: {kernel: $KERNELS/solo5-manifest}
EOF
refused 'a manifest that asks for an interface' "asks for 1 interface ('service') and the service has 0" <<EOF
network_mode: none
unikernel: {kernel: $KERNELS/solo5-manifest}
EOF
refused 'a manifest that is cut off' "its Solo5 manifest is cut off" <<EOF
unikernel: {kernel: $KERNELS/solo5-manifest-cut}
EOF
refused 'another target of Solo5' "for target 'hvt'" <<EOF
unikernel: {kernel: $KERNELS/solo5-hvt}
EOF
refused 'another architecture' 'is an ELF for aarch64' <<EOF
unikernel: {kernel: $KERNELS/aarch64}
EOF
refused 'a kernel that is cut off' 'cut-off ELF' <<EOF
unikernel: {kernel: $KERNELS/elf-cut-off}
EOF
refused 'a disk that is a folder' 'is a folder' <<EOF
unikernel: {backend: rumprun, kernel: $PROBE, disks: [{path: $WORK, mount: /data}]}
EOF
qemu-img create -q -f qcow2 usr.img 1M
refused 'a qcow2 image by another name' 'is a qcow2 image and is taken for one only when its name ends' <<EOF
command: [/probe]
unikernel: {backend: osv, kernel: $PROBE, disks: [{path: usr.img, root: true}]}
EOF
refused 'an apostrophe for Rumprun' 'Rumprun cannot be told an apostrophe' <<EOF
command: ["it's"]
unikernel: {backend: rumprun, kernel: $PROBE}
EOF
cat >cunik-compose.yaml <<EOF
name: e
services:
  web: {network_mode: none, unikernel: {kernel: $KERNELS/xen-halvm}}
EOF
check 'a guest of Xen: up fails' not cunik-compose up -d
check 'a guest of Xen: says what it takes' err_has 'needs an engine that is connected to Xen'
check 'a guest of Xen: nothing is left' nothing_left

plan_tests_done
