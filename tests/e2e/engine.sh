#!/bin/bash
# The engine as a process: started by whoever comes first, one for each root, leaves when there is nothing to
# do, and finds its guests again.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
cd "$WORK" || exit 1

gone() { [ ! -e "$CUNIK_ROOT/cunikd.pid" ] && [ ! -e "$CUNIK_ROOT/cunikd.sock" ]; }
switches() { cat "/proc/$1/task/"*/status | awk '/ctxt_switches/ {n += $2} END {print n}'; }

# Eight at once, no engine yet.
for i in 1 2 3 4 5 6 7 8; do
    cunik info --format json >"info.$i" 2>"err.$i" &
done
wait
cat info.[1-8] | jq .pid | sort -u >"$OUT"
cat err.[1-8] >"$ERR"
check 'eight commands at once start one engine' test "$(cat "$OUT")" = "$(engine_pid)"
check 'and none complains' test ! -s "$ERR"
check 'a second engine leaves it alone' expect 0 cunikd --root "$CUNIK_ROOT"
check '… and says so' err_has 'another engine runs'
check 'another connection is refused' expect 1 cunik --connect qemu:///system list
check '… naming both' err_has "to 'qemu:///embed?root=$CUNIK_ROOT/libvirt', not to 'qemu:///system'"
check 'the socket is for root and its group' test "$(stat -c %a "$CUNIK_ROOT/cunikd.sock")" = 660

# Of nothing there is no event: two seconds are looked at, and later ones when what came before is not yet over.
idles() {
    local before
    before=$(switches "$(engine_pid)")
    sleep 2
    [ $(($(switches "$(engine_pid)") - before)) -lt 4 ]
}
check 'an idle engine does nothing' wait_until 30 idles

cat >stack.yaml <<END
name: e
services:
  web:
    mem_limit: 16m
    unikernel: {backend: unikraft, kernel: $PROBE}
    healthcheck: {test: [HTTP, "http://:80/"], interval: 1s}
END
check 'a guest comes up' expect 0 cunik-compose -f stack.yaml up -d --wait
guest=$(cunik inspect e-web-1 | jq '.[0].status.pid')

# It ends under the hands of commands that come at that moment.
kill "$(engine_pid)"
for i in 1 2 3 4; do
    cunik list --format json >"list.$i" 2>"err.$i" &
done
wait
cat list.[1-4] | jq -r .name | sort -u >"$OUT"
cat err.[1-4] >"$ERR"
check 'commands do not mind an engine that ends' out_is e-web-1
check '… at all' test ! -s "$ERR"
check 'the guest has run on' test "$(cunik inspect e-web-1 | jq '.[0].status.pid')" = "$guest"
health() { cunik inspect e-web-1 | jq -r '.[0].status.health'; }
healthy() { [ "$(health)" = healthy ]; }
check 'its health is known again' wait_until 10 healthy
check 'its console is still there' run cunik logs e-web-1
check '… from the start' out_has 'probe: ready'
check 'its console says no more than it did' expect 0 cunik logs -n 1 e-web-1
check '… line by line' out_is 'probe: ready'
check 'a name that is wrong is told' expect 1 cunik logs e-wbe-1
check '… with the one that is meant' err_has "did you mean 'e-web-1'?"

# An engine that has been killed leaves its socket and its locks behind.
kill -9 "$(engine_pid)"
check 'a killed engine is replaced' expect 0 cunik list
check '… with its guest' out_has e-web-1

cunik events --format json >events.out 2>events.err &
events=$!
check 'down' expect 0 cunik-compose -f stack.yaml down
wait_until 5 grep -q '"type":"done"' events.out
kill $events
check 'events tell of it' grep -q '"state":"exited"' events.out
check 'nothing is left' nothing_left

kill "$(engine_pid)"
check 'the engine leaves when told to' wait_until 10 gone
# Started by hand, as systemd would.
cunikd --root "$CUNIK_ROOT" --idle-timeout 1 2>idle.log &
engine=$!
wait_until 10 test -S "$CUNIK_ROOT/cunikd.sock"
cunik list >/dev/null
wait $engine
STATUS=$?
cp idle.log "$ERR"
check 'with nothing to do it leaves' test $STATUS = 0
check '… and says so' err_has 'nothing to do: leaving'
check '… taking its socket along' gone

plan_tests_done
