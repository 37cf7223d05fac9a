#!/bin/bash
# What a host may run out of, or refuse: space, memory, descriptors, links, rights. Each is told by its name, and when it is
# there again the same command gets there; nothing is left half-written.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
cd "$WORK" || exit 1

cat >cunik-compose.yaml <<YAML
name: x
services:
  db:
    mem_limit: 16m
    unikernel: {backend: unikraft, kernel: $PROBE}
  web:
    mem_limit: 16m
    ports: ["127.0.0.1:8080:80"]
    depends_on: [db]
    healthcheck: {test: [HTTP, "http://:80/"], interval: 1s, start_period: 60s}
    unikernel: {backend: unikraft, kernel: $PROBE}
YAML
state_is_whole() {
    local file
    for file in "$CUNIK_ROOT"/stacks/*.json "$CUNIK_ROOT"/networks/*.json; do
        [ ! -e "$file" ] || jq -e . "$file" >/dev/null || return 1
    done
    ! find "$CUNIK_ROOT/stacks" "$CUNIK_ROOT/networks" -type f ! -name '*.json' | grep .
}
nothing_left_but_state() {
    leftovers | grep -v '^file .*/stacks/' >"$OUT"
    [ ! -s "$OUT" ]
}
comes_up() {
    expect 0 cunik-compose up -d --wait && nothing_planned && answers http://127.0.0.1:8080/ 'hello from x-web-1'
}

# A full disk: the root is a small file system, filled at different moments.
mount --make-rprivate / 2>/dev/null
real_root=$CUNIK_ROOT
if unshare --mount true 2>/dev/null && mount -t tmpfs -o size=24m,mode=711 tmpfs "$CUNIK_ROOT"; then
    cunik list >/dev/null
    fill() { # leaves so many KiB
        rm -f "$CUNIK_ROOT/ballast"
        local free
        free=$(df -k --output=avail "$CUNIK_ROOT" | tail -1)
        head -c $(((free - $1) * 1024)) /dev/zero >"$CUNIK_ROOT/ballast"
    }
    for left in 0 12 64; do
        fill $left
        run cunik-compose up -d --wait --wait-timeout 60
        if [ "$STATUS" = 0 ]; then
            ok "$left KiB are enough"
        else
            check "with $left KiB left it is told" err_has 'No space left on device'
        fi
        check '… no file is half-written' state_is_whole
        rm -f "$CUNIK_ROOT/ballast"
        check '… with space it comes up' comes_up
        fill $left
        check '… down needs none' expect 0 cunik-compose down
        rm -f "$CUNIK_ROOT/ballast"
        check '… and leaves nothing' nothing_left
    done
    stop_engine
    umount "$real_root" || umount -l "$real_root"
else
    ok "a full disk # SKIP cannot mount"
fi

# Few descriptors: for starting guests, and for anything at all.
for most in 16 24 32 40; do
    (ulimit -n $most && exec cunikd --root "$CUNIK_ROOT" --idle-timeout 0) 2>>"$CUNIK_ROOT/cunikd.log" &
    engine=$!
    wait_until 30 test -S "$CUNIK_ROOT/cunikd.sock" -o ! -e /proc/$engine
    run cunik-compose up -d --wait --wait-timeout 60
    if [ "$STATUS" = 0 ]; then
        ok "$most descriptors are enough"
    else
        cat "$CUNIK_ROOT/cunikd.log" >>"$ERR"
        check "$most descriptors: it is told" grep -qiE 'too many open files|descriptor' "$ERR"
    fi
    kill $engine 2>/dev/null
    wait $engine 2>/dev/null
    check '… with more it comes up' comes_up
    check '… and goes' expect 0 cunik-compose down
    check '… and leaves nothing' nothing_left
    stop_engine
    : >"$CUNIK_ROOT/cunikd.log"
done

# No rights for links: root without CAP_NET_ADMIN, and without what an engine of a user without rights needs instead.
if command -v setpriv >/dev/null && unshare --mount true 2>/dev/null; then
    without_rights() {
        unshare --mount bash -c "mount --make-rprivate / && mount --bind /dev/null $(command -v slirp4netns) &&
            exec setpriv --bounding-set -net_admin --inh-caps -net_admin $*"
    }
    check 'without the right to make links it fails' not without_rights cunik-compose up -d
    check '… and says so' grep -qE 'not permitted|CAP_NET_ADMIN|slirp4netns' "$ERR"
    check '… leaving nothing' nothing_left_but_state
    check '… with it, it comes up' comes_up
    check '… and goes' expect 0 cunik-compose down
    check '… and leaves nothing' nothing_left
    stop_engine
fi

# A link in the way that is not ours: what was started goes back, and nobody else's is touched.
run cunik-compose plan --format json
cunik-compose up -d >/dev/null 2>&1
tap=$(cunik inspect x-web-1 | jq -r '.[0].networks[0].link')
cunik-compose down >/dev/null 2>&1
ip tuntap add "$tap" mode tap
check 'a link that is taken is told' not cunik-compose up -d
check '… by its name' err_has "$tap"
check '… and stays' run ip link show "$tap"
ip link del "$tap"
check '… when it is gone it comes up' comes_up

# A network with as many ports as the kernel gives: here others' links take them.
bridge=$(ip -o link show type bridge | sed -n 's/^[0-9]*: \([^:@]*\).*/\1/p')
for ((i = 0; i < 511; i++)); do
    echo "link add tk$i master $bridge type veth peer name tl$i"
    echo "link set tl$i master $bridge group 77"
done | ip -batch - 2>/dev/null
check 'a guest more than a network has ports for is told' not cunik-compose up -d --scale db=3
check '… by the reason' err_has 'is full: the kernel gives a bridge 1023 ports'
check '… those that run go on' answers http://127.0.0.1:8080/ 'hello from x-web-1'
check '… and no half of one is left' equal "$(cunik list --format json | wc -l)" "$(ip -o link show | grep -c ': ckt')"
ip link del group 77
check '… with ports it comes up' expect 0 cunik-compose up -d --wait --scale db=3
check '… and goes' expect 0 cunik-compose up -d --wait

# A guest that is larger than the host, before and at its start.
sed '/^  db:/,/unikernel/s/mem_limit: .*/mem_limit: 900t/' cunik-compose.yaml >big.yaml
check 'a guest larger than the host is no plan' expect 2 cunik-compose -f big.yaml plan
check '… and is told' err_has "service 'db': 900.0 TiB of memory are more than the host has, "
check '… those that run go on' answers http://127.0.0.1:8080/ 'hello from x-web-1'

# An engine that may have little memory.
stop_engine
(ulimit -v 600000 && exec cunikd --root "$CUNIK_ROOT" --idle-timeout 0) 2>>"$CUNIK_ROOT/cunikd.log" &
engine=$!
wait_until 30 test -S "$CUNIK_ROOT/cunikd.sock" -o ! -e /proc/$engine
run cunik-compose up -d --force-recreate --wait --wait-timeout 30
echo "# with little memory: status $STATUS, $(tail -n 1 "$ERR")"
check 'with little memory it works, or says so' test "$STATUS" = 0 -o -s "$ERR"
check '… and no file is half-written' state_is_whole
kill $engine 2>/dev/null
wait $engine 2>/dev/null
check '… with more it comes up' comes_up
check 'down' expect 0 cunik-compose down
check 'nothing is left' nothing_left

plan_tests_done
