#!/bin/bash
# The same through libvirtd: --connect qemu:///system. libvirtd and virtlogd run in namespaces of this
# test's own, over folders in memory, so that the host's are not touched.
. "$(dirname "$0")/lib.sh"

if ! command -v libvirtd >/dev/null || ! command -v virtlogd >/dev/null; then
    echo "ok 1 - system # SKIP libvirtd is not installed"
    exit 0
fi
if [ "${CUNIK_TEST_SYSTEM:-}" != 1 ]; then
    # A pid namespace too: what libvirtd leaves ends with it.
    CUNIK_TEST_SYSTEM=1 CUNIK_TEST_NAMESPACE=1 unshare --mount --pid --fork --mount-proc "$BASH" "$ROOT_DIR/tests/e2e/system.sh"
    status=$?
    trap - EXIT
    rm -rf "$CUNIK_ROOT" "$WORK"
    exit $status
fi

mount --make-rprivate /
for folder in /run /etc/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt; do
    mount -t tmpfs tmpfs "$folder"
done
# With a /dev/kvm that does not work libvirtd asks QEMU what it can at every start anew, for seconds. A file in its place
# and libvirt's own /dev for guests do not go together.
if [ -e /dev/kvm ]; then
    : >"$CUNIK_ROOT/no-kvm"
    mount --bind "$CUNIK_ROOT/no-kvm" /dev/kvm
    echo 'namespaces = []' >/etc/libvirt/qemu.conf
fi
echo 'max_size = 131072' >/run/virtlogd.conf # it keeps three more of those
virtlogd -d -f /run/virtlogd.conf && libvirtd -d
check 'libvirtd answers' wait_until 60 virsh -c qemu:///system version

cd "$WORK" || exit 1
cat >cunik-compose.yaml <<YAML
name: s
services:
  web:
    ports: ["127.0.0.1:8080:80"]
    hostname: web
    healthcheck: {test: ["HTTP", "http://:80/"], interval: 1s, start_period: 20s}
    unikernel: {backend: unikraft, kernel: $PROBE}
YAML
export CUNIK_CONNECT=qemu:///system
check 'up' expect 0 cunik-compose up -d --wait
check 'the guest answers' answers http://127.0.0.1:8080/ 'hello from web'
check 'libvirtd knows it' bash -c "virsh -c qemu:///system list --name | grep -qx s-web-1"
check 'nothing to do then' expect 0 cunik-compose plan --detailed-exitcode
expect 1 env CUNIK_CONNECT=qemu:///session cunik-compose ps
check 'another connection than the engine has is an error' err_has 'qemu:///system'
check 'stop and start' bash -c 'cunik-compose stop && cunik-compose start && cunik-compose ps | grep -q "s-web-1.*Up"'
# What somebody does through virsh.
v() { virsh -q -c qemu:///system "$@"; }
pid() { pid_of s-web-1; }
before=$(pid)
v dumpxml --inactive s-web-1 | sed 's|<on_crash>.*</on_crash>|<on_crash>restart</on_crash>|' >changed.xml
v define changed.xml >/dev/null
check 'a definition that was changed is put back' wait_until 60 bash -c "virsh -c qemu:///system dumpxml --inactive s-web-1 | grep -q '<on_crash>destroy'"
cp "$CUNIK_ROOT/cunikd.log" "$OUT"
check '… and it is told what had changed' out_has 'its domain was changed: <on_crash>destroy</on_crash> → <on_crash>restart</on_crash>'
v undefine s-web-1 >/dev/null
check 'one that was undefined is defined again' wait_until 60 bash -c "virsh -c qemu:///system dominfo s-web-1 | grep -q 'Persistent:.*yes'"
check '… while its guest runs on' same "$(pid)" "$before"
check 'that is all' wait_until 60 nothing_planned
# What is changed in the guest alone; libvirt tells nobody of it. The engine repairs it when it looks next.
mac() { v domiflist s-web-1 | awk '/ethernet/ {print $5}'; }
guest_is_new() { [ "$(pid)" != "$before" ] && [ "$(pid)" != 0 ]; }
v domif-setlink s-web-1 "$(mac)" down >/dev/null
run cunik-compose plan
{ out_has "restart web-1: its guest was changed: added <link state='down'>"; } || wait_until 60 guest_is_new
check 'a link that was cut in the guest alone is seen' equal $? 0
kill "$(cat "$CUNIK_ROOT/cunikd.pid")"
wait_until 20 test ! -e "$CUNIK_ROOT/cunikd.pid"
cunik list >"$OUT" # the next engine looks as it starts
check '… and repaired' wait_until 60 guest_is_new
check '… so that it answers' wait_until 60 answers http://127.0.0.1:8080/ 'hello from web'
check '… and nothing is left to do' wait_until 60 nothing_planned
# A device that came is told of, and repaired without being asked.
before=$(pid)
echo "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>" >rng.xml
v attach-device s-web-1 rng.xml --live >/dev/null
told() { grep -qF "restart s-web-1 (its guest was changed: added <rng model='virtio'>" "$CUNIK_ROOT/cunikd.log"; }
check 'a device that somebody gave to the guest is seen' wait_until 60 told
check '… and taken away' wait_until 60 guest_is_new
check '… and nothing is left to do' wait_until 60 nothing_planned
# What it has and loses while it runs: a disk, and its only link.
truncate -s 1M disk.raw
chmod 666 disk.raw
cat >lose.yaml <<YAML
name: lose
services:
  web:
    command: [eject]
    unikernel: {backend: unikraft, kernel: $PROBE, disks: [{path: $WORK/disk.raw, readonly: true}]}
YAML
chmod 711 "$WORK"
lost() { grep -qF "restart lose-web-1 (its guest was changed: $1" "$CUNIK_ROOT/cunikd.log"; }
lose() { # the guest has another QEMU afterwards
    local was
    was=$(cunik inspect lose-web-1 | jq .[0].status.pid)
    v "$@" --live >/dev/null || return 1
    wait_until 60 bash -c "cunik inspect lose-web-1 | jq -e '.[0].status.pid | . != 0 and . != $was'"
}
check 'a guest with a disk' expect 0 cunik-compose -f lose.yaml up -d --wait
check 'it loses that, and comes back' lose detach-disk lose-web-1 "$WORK/disk.raw"
check '… of which it is told' lost "removed <disk type='file' device='disk'>"
check '… and is as it was' wait_until 60 cunik-compose -f lose.yaml plan --detailed-exitcode
check 'it loses its link, and comes back' lose detach-interface lose-web-1 ethernet
check '… of which it is told' lost "removed <interface type='ethernet'>"
check '… and is as it was' wait_until 60 cunik-compose -f lose.yaml plan --detailed-exitcode
v schedinfo lose-web-1 --set cpu_shares=300 --live >/dev/null
run cunik-compose -f lose.yaml plan
{ out_has 'restart web-1: its guest was changed: added <shares>300</shares>'; } || lost 'added <shares>300</shares>'
check 'a changed share of the CPU is planned' equal $? 0
check '… and put back' expect 0 cunik-compose -f lose.yaml up -d --wait
check '… so that it is as it was' wait_until 60 cunik-compose -f lose.yaml plan --detailed-exitcode
check 'memory it has no more and no less of' not v setmem lose-web-1 8M --live
check '… as it has nothing to give it back with' err_has 'balloon'
check 'it goes' expect 0 cunik-compose -f lose.yaml down
# A label that was taken away, of the guest alone and for good.
v metadata s-web-1 --uri urn:cunik:1 --remove --live --config >/dev/null
expect 0 cunik-compose plan
check 'a domain without its label is ours all the same' out_has 'recreate web-1: its label cannot be read'
check '… and is made anew' expect 0 cunik-compose up -d --wait
check '… with all that belongs to it' nothing_planned
v metadata s-web-1 --uri urn:cunik:1 --remove --live --config >/dev/null
check '… and taken down' expect 0 cunik-compose down
check '… wholly' test -z "$(v list --all --name)"
check '…' nothing_left
# Somebody else's domain of that name.
sed '/<metadata>/,/<\/metadata>/d; /<uuid>/d; s/ckt[0-9a-f]*/tapother/' changed.xml >other.xml
v define other.xml >/dev/null
check 'what is in the way is no plan' expect 1 cunik-compose plan
check '… is told' err_has "a domain 's-web-1' that is not this engine's is in the way"
check '… before anything is done' expect 1 cunik-compose up -d
check '…' nothing_left
check '… and stays' test "$(v list --all --name)" = s-web-1
v undefine s-web-1 >/dev/null
check 'without it, up' expect 0 cunik-compose up -d --wait
# A copy under another UUID, label and all.
v dumpxml --inactive s-web-1 | sed 's|<uuid>.*</uuid>||' >copy.xml
v destroy s-web-1 >/dev/null
v undefine s-web-1 >/dev/null
v define copy.xml >/dev/null
expect 0 cunik-compose plan
check 'a copy of its domain is replaced' out_has 'recreate web-1: uuid "'
check '…' expect 0 cunik-compose up -d --wait
check '… by the one that it is to be' wait_until 60 nothing_planned
v destroy s-web-1 >/dev/null
wait_until 60 not nothing_planned
expect 0 cunik-compose plan
check 'one that was destroyed is planned' out_has 'start web-1'
check '… and comes back' expect 0 cunik-compose up -d --wait
v destroy s-web-1 >/dev/null
v undefine s-web-1 >/dev/null
wait_until 60 not nothing_planned
expect 0 cunik-compose plan
check 'one that is gone is planned' out_has 'create web-1: it does not exist'
check '… and comes back' expect 0 cunik-compose up -d --wait

# libvirtd dies under the engine; its guests do not.
before=$(pid)
kill -9 "$(pgrep -x libvirtd)"
wait_until 60 not pgrep -x libvirtd
check 'without libvirtd it is said what is missing' expect 1 cunik list
check '…' err_has 'qemu:///system'
check 'the guest answers on' answers http://127.0.0.1:8080/ 'hello from web'
libvirtd -d
check 'when it is back, so is the engine' wait_until 30 cunik list
check '… with the same guest' same "$(pid)" "$before"
check '… and nothing to do' wait_until 60 nothing_planned
# In the middle of a request.
cunik-compose up -d --force-recreate >recreate.out 2>&1 &
client=$!
wait_until 30 grep -q 's-web-1  Recreating' recreate.out
kill -9 "$(pgrep -x libvirtd)"
wait $client
STATUS=$?
cp recreate.out "$ERR"
says_why() { [ $STATUS = 0 ] || grep -qE 'qemu:///system|socket is closed|end of file' "$ERR"; }
check 'a request that is not through by then fails, and says why' says_why
libvirtd -d
check 'when libvirtd is back, the next one gets there' expect 0 cunik-compose up -d --wait
check '… and is all there is to do' wait_until 60 nothing_planned
v destroy s-web-1 >/dev/null
check '… and it hears of ends again' wait_until 60 is s-web-1 exited
check 'down' expect 0 cunik-compose down
# virtlogd sets aside what it has written, with and without an engine; all of it is in the console.
cat >flood.yaml <<YAML
name: s
services:
  web:
    mem_limit: 16m
    command: [flood=12000, exit=0]
    unikernel: {backend: unikraft, kernel: $PROBE}
YAML
run cunik-compose -f flood.yaml up -d
written() { cat "$CUNIK_ROOT"/consoles/s-web-1.out* | grep -c '^flood'; }
has_written() { [ "$(written)" -ge "$1" ]; }
wait_until 60 has_written 1000
kill -9 "$(engine_pid)"
check 'a console is written while there is no engine' wait_until 120 test -e "$CUNIK_ROOT/consoles/s-web-1.out.0"
check '… and when there is one again' wait_until 120 is s-web-1 exited
check '… with every line, from the first' floods s-web-1 12000
check 'down' expect 0 cunik-compose -f flood.yaml down
check 'libvirtd knows none' test -z "$(virsh -c qemu:///system list --all --name)"
check 'nothing is left' nothing_left

plan_tests_done
