#!/bin/bash
# The doctor on hosts that are ill: each in a mount namespace of its own, where what is to be missing is covered.
# tests/unit/test_doctor.c says what is made of each fact.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
cd "$WORK" || exit 1

if ! unshare --mount true 2>/dev/null; then
    echo 'ok 1 - doctor # SKIP cannot make a mount namespace'
    exit 0
fi
cunik list >/dev/null # the engine that all of them ask

# status CHECK: what the last run found.
status() { jq -r --arg check "$1" '.checks[] | select(.check == $check) | .status' "$OUT"; }
advice() { jq -r --arg check "$1" '.checks[] | select(.check == $check) | .advice // ""' "$OUT"; }
# ill CHECK STATUS COMMAND: on a host where COMMAND was done, the check is so, and says what to do.
ill() {
    run unshare --mount bash -c "mount --make-rprivate / && $3 && exec cunik doctor --format json"
    check "$1: $2 after $3" equal "$(status "$1")" "$2"
    check "… and it says what to do" test -n "$(advice "$1")"
}
dnsmasq=$(PATH=$PATH:/usr/sbin command -v dnsmasq)

run cunik doctor --format json
ill tun problem 'mount --bind /dev/null /dev/net/tun'
ill forwarding problem 'mount --bind /proc/sys/net /proc/sys/net && mount -o remount,bind,ro /proc/sys/net'
ill names problem "mount --bind /dev/null $dnsmasq"
ill qemu problem 'mount --bind /dev/null /usr/bin/qemu-system-x86_64'
ill files note 'ulimit -n 128'
ill memory note "sed 's/^MemAvailable:.*/MemAvailable: 65536 kB/' /proc/meminfo >$WORK/meminfo && mount --bind $WORK/meminfo /proc/meminfo"
ill processes note "echo 512 >$WORK/pid_max && mount --bind $WORK/pid_max /proc/sys/kernel/pid_max"
ill engine problem "export CUNIK_ROOT=/proc/none"
# One that root may open, and the guests' user not; another engine looks at it.
if [ -e /dev/kvm ]; then
    mknod -m 600 "$WORK/kvm" c 10 232
    ill kvm note "mount --bind $WORK/kvm /dev/kvm && export CUNIK_ROOT=$CUNIK_ROOT/k"
    check '… which is a matter of rights' grep -q 'group kvm, mode 0660' <<<"$(advice kvm)"
fi

plan_tests_done
