#!/bin/bash
# Death at any moment: of the client, of the engine, of a guest's QEMU, of the whole host. The next command, or the engine
# that comes back, goes on; consoles lose nothing.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
cd "$WORK" || exit 1

cat >cunik-compose.yaml <<YAML
name: d
services:
  db:
    mem_limit: 16m
    restart: always
    healthcheck: {test: [HTTP, "http://:80/"], interval: 1s, start_period: 60s}
    unikernel: {backend: unikraft, kernel: $PROBE}
  web:
    mem_limit: 16m
    restart: unless-stopped
    ports: ["127.0.0.1:8080:80"]
    depends_on: {db: {condition: service_healthy}}
    unikernel: {backend: unikraft, kernel: $PROBE}
  plain:
    mem_limit: 16m
    unikernel: {backend: unikraft, kernel: $PROBE}
YAML
guest_pid() { pid_of "d-$1-1"; }
plans() { run cunik-compose plan && out_has "$1"; }
# comes_back SERVICE PID: as another process than it was.
comes_back() { is_up "$1" && [ "$(guest_pid "$1")" != "$2" ]; }
is_up() { is "d-$1-1" running; }

# The client: what it asked for is given up, and the next one goes on from there.
cunik-compose up -d >up.out 2>&1 &
client=$!
wait_until 30 test -s "$CUNIK_ROOT/stacks/d.json"
kill -9 $client
wait $client 2>/dev/null
check 'a client that is killed leaves nothing that up cannot complete' expect 0 cunik-compose up -d --wait
check '… to what is wanted' nothing_planned
check '…' wait_until 20 answers http://127.0.0.1:8080/ 'hello from d-web-1'

# The engine, in the middle of a request, and between.
before=$(guest_pid db)
kill -9 "$(engine_pid)"
check 'a killed engine is replaced, and its guests are the same' same "$(guest_pid db)" "$before"
cunik-compose restart >restart.out 2>&1 &
client=$!
wait_until 30 grep -q '"end":"destroyed"' "$CUNIK_ROOT/stacks/d.json"
kill -9 "$(engine_pid)"
wait $client 2>/dev/null
check 'one that is killed in the middle of a restart' expect 0 cunik-compose up -d --wait
check '… leaves nothing to do' nothing_planned
check '… and reaches all' wait_until 20 answers http://127.0.0.1:8080/ 'hello from d-web-1'

# QEMU. What its policy keeps up comes back by itself, the rest is planned.
web=$(guest_pid web)
kill -9 "$web" "$(guest_pid plain)"
check 'a killed guest comes back' wait_until 30 comes_back web "$web"
check '… the one without a policy is planned' wait_until 30 plans 'start plain-1: it has ended (killed, status 137)'
check '… and comes up' expect 0 cunik-compose up -d --wait

# Both at once: the engine that comes back finds the guest dead.
web=$(guest_pid web)
kill -9 "$web" "$(engine_pid)"
cunik list >/dev/null
check 'guest and engine at once' wait_until 30 comes_back web "$web"

# The host's power: all processes and links go, files stay.
power_off() {
    local pid
    for pid in $(engine_pids); do kill -9 "$pid"; done
    wait_until 20 no_engine_left
    for link in $(ip -o link show | sed -n 's/^[0-9]*: \(ck[^:@]*\).*/\1/p'); do ip link del "$link"; done
    nft flush ruleset
    find "$CUNIK_ROOT" -name '*.pid' -delete
    rm -f "$CUNIK_ROOT/cunikd.sock"
}
power_off
: >"$CUNIK_ROOT/cunikd.log"
cunik list >/dev/null
check 'after a reboot what is kept up comes back' wait_until 60 is_up web
check '… and is reached' wait_until 30 answers http://127.0.0.1:8080/ 'hello from d-web-1'
started() { status_of "d-$1-1" started_ms; }
check '… in the order of the graph' test "$(started db)" -lt "$(started web)"
check '… not the one without a policy' not is_up plain
check '… which is all there is to do' expect 2 cunik-compose plan --detailed-exitcode
check '…' test "$(grep -c 'start plain-1' "$OUT")" = 1
power_off
check 'after another one, up' expect 0 cunik-compose up -d --wait
check '… leaves nothing to do' wait_until 30 nothing_planned

# Files that a crash has damaged.
kill -9 "$(engine_pid)"
echo '{"networks": [' >"$CUNIK_ROOT/stacks/d.json"
: >"$CUNIK_ROOT/networks/d_default.json"
before=$(guest_pid db)
sed -n '/^name/d; /ports/d; /depends_on/d; p' cunik-compose.yaml | sed '1i name: other' >other.yaml
echo '{' >"$CUNIK_ROOT/stacks/other.json"
: >"$CUNIK_ROOT/stacks/empty.json"
mkdir "$CUNIK_ROOT/stacks/folder.json"
check 'a torn state file does no harm' expect 0 cunik-compose up -d --wait
check '… and is told' grep -q "the last wish for stack 'd' is lost: .*stacks/d.json" "$CUNIK_ROOT/cunikd.log"
check '… nor do those of others, to them or to it' expect 0 cunik-compose -f other.yaml up -d
check '… which come and go' expect 0 cunik-compose -f other.yaml down
rm "$CUNIK_ROOT/stacks/empty.json"
rmdir "$CUNIK_ROOT/stacks/folder.json"
check '… to anybody' same "$(guest_pid db)" "$before"
check '… and is made anew' run jq -e .cuniks "$CUNIK_ROOT/stacks/d.json"
check 'down' expect 0 cunik-compose down
check 'nothing is left' nothing_left

# A console loses no byte while engines come and go, and is there when its guest has ended.
cat >flood.yaml <<YAML
name: f
services:
  talk:
    mem_limit: 16m
    command: [flood=20000, exit=0]
    unikernel: {backend: unikraft, kernel: $PROBE}
YAML
run cunik-compose -f flood.yaml up -d
has_lines() { [ "$(grep -c '^flood' "$CUNIK_ROOT/consoles/f-talk-1.log")" -ge "$1" ]; }
for lines in 1000 5000; do
    wait_until 60 has_lines $lines
    kill -9 "$(engine_pid)"
    cunik list >/dev/null
done
check 'a guest that floods its console ends' wait_until 120 is f-talk-1 exited
check 'every line of its console is there, from the first' floods f-talk-1 20000
check 'down' expect 0 cunik-compose -f flood.yaml down
check 'nothing is left' nothing_left

# One that is bounded keeps its newest lines.
stop_engine
export CUNIK_CONSOLE_LIMIT=64k
run cunik-compose -f flood.yaml up -d
check 'a guest that floods a bounded console ends' wait_until 120 is f-talk-1 exited
bounded() { [ "$(du -k "$CUNIK_ROOT/consoles/f-talk-1.log" | cut -f1)" -le 96 ]; }
check '… which takes no more than it may' wait_until 20 bounded
run cunik logs f-talk-1
tr -d '\r' <"$OUT" | grep '^flood' >got
check '… has the newest lines, whole' bash -c 'tail -n "$(wc -l <got)" wanted | cmp - got && test "$(wc -l <got)" -gt 1000'
check '… and tells of those that are gone' out_has 'bytes of older output are gone]'
check 'down' expect 0 cunik-compose -f flood.yaml down
check 'nothing is left' nothing_left

plan_tests_done
