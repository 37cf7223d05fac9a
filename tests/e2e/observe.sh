#!/bin/bash
# Looking at what happens and what happened: events, timings, traces, and the doctor.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
cd "$WORK" || exit 1

cat >stack.yaml <<END
name: ob
services:
  db:
    mem_limit: 16m
    unikernel: {backend: unikraft, kernel: $PROBE}
    healthcheck: {test: [HTTP, "http://:80/"], interval: 1s}
  web:
    mem_limit: 16m
    unikernel: {backend: unikraft, kernel: $PROBE}
    ports: ["127.0.0.1::80", "127.0.0.1::81/udp"]
    depends_on: {db: {condition: service_healthy}}
END
compose() { cunik-compose -f stack.yaml "$@"; }

# Events, and where the time of a start goes

before=$(date +%s)
compose events --json >live.out 2>live.err &
live=$!
cunik events --filter type=health --filter health=healthy >healthy.out 2>&1 &
healthy=$!
wait_until 10 cunik list || exit 1
check 'up' expect 0 compose up -d --wait --timings --trace trace.json
check '… says what was waited for' err_has 'ob-db-1 becomes healthy'
check '… and why' err_has 'ob-web-1 needs it to be healthy'
check '… in a table that ends when it ended' grep -qE '^[0-9.]+ s +the end' "$ERR"
slices() { jq -r --arg row "$1" '(.traceEvents[] | select(.name == "thread_name" and .args.name == $row) | .tid) as $t
    | .traceEvents[] | select(.tid == $t and .ph != "M") | .name' trace.json; }
# What viewers need of the Trace Event Format: slices with a beginning and a length, rows with names; on one row, slices
# are apart or one within the other.
well_formed() {
    jq -e '.traceEvents | length > 0 and
        all(.[]; (.ph | IN("M", "X", "i", "s", "f")) and (.name | type == "string") and ([.pid, .tid, .ts] | all(type == "number" and . >= 0))
            and (.ph != "X" or (.dur | type == "number" and . >= 0)))' trace.json >"$OUT"
}
arrows_end() { # each that begins ends, once and later
    jq -e '[.traceEvents[] | select(.ph == "s")] as $from | [.traceEvents[] | select(.ph == "f")] as $to
        | ($from | length > 0) and ([$from[].id] | sort) == ([$to[].id] | sort)
            and all($from[]; . as $s | any($to[]; .id == $s.id and .ts >= $s.ts))' trace.json >"$OUT"
}
rows_have_names() {
    jq -e '[.traceEvents[] | select(.name == "thread_name") | .tid] as $named
        | all(.traceEvents[]; .tid | IN($named[])) and ($named | length == (unique | length))' trace.json >"$OUT"
}
rows_nest() {
    jq -e '[.traceEvents[] | select(.ph == "X")] | group_by(.tid) | all(.[]; . as $row | all(range(length); . as $i
        | all(range($i); $row[.] as $a | $row[$i] as $b
            | ($a.ts + $a.dur <= $b.ts) or ($b.ts + $b.dur <= $a.ts)
                or ($a.ts <= $b.ts and $a.ts + $a.dur >= $b.ts + $b.dur)
                or ($b.ts <= $a.ts and $b.ts + $b.dur >= $a.ts + $a.dur))))' trace.json >"$OUT"
}
check 'the trace is what viewers read' well_formed
check '… with arrows that end' arrows_end
check '… each row has its name' rows_have_names
check '… and slices that nest' rows_nest
slices 'cunik ob-web-1' >"$OUT"
check 'the trace has who was waited for' out_has 'waits for ob-db-1'
check '… the work' out_has create
check '… and what became of the guest' out_has started
check 'the first output of a guest is an event' wait_until 10 grep -q '"type":"console".*"name":"ob-web-1"' live.out
slices 'cunik ob-db-1' >"$OUT"
check '… and stands in the trace' out_has 'first output'
check '… with its health' out_has healthy
check 'a trace that cannot be written is an error' expect 1 compose up -d --trace /proc/no/trace.json
check 'events tell of the guests as they come' wait_until 10 grep -q '"name":"ob-web-1".*"state":"running"' live.out
check '… of what is waited for' grep -q "'ob-db-1' to be healthy" live.out
check '… and of nothing else where they are filtered' wait_until 10 grep -q 'health ob cunik ob-db-1 healthy' healthy.out
check '… at all' test "$(grep -vc ' health ob cunik ob-db-1 healthy' healthy.out)" = 0
kill $live $healthy

check 'what was is told afterwards' expect 0 cunik events --since "$before" --until 0s --format json
check '… with its plan' out_has '"type":"plan"'
check '… each event once' test "$(jq -r .id "$OUT" | sort | uniq -d | wc -l)" = 0
check '… in order' test "$(jq -r .id "$OUT")" = "$(jq -r .id "$OUT" | sort -n)"
check 'and to whom asks for a service' expect 0 compose events --since 1h --until 0s --format json web
check '… about it alone' test "$(jq -r '.service' "$OUT" | sort -u)" = web
check 'a filter that is wrong is told' expect 2 cunik events --since 1h --until 0s --filter colour=red
check '… with those that there are' err_has 'events are filtered by type, kind, stack'
check 'so is a time' expect 2 cunik events --since noon
check '… with what it may be' err_has "takes a time (2026-01-02T15:04:05Z"

engine=$(engine_pid)
kill -9 "$engine"
check 'what was outlives the engine' expect 0 cunik events --since "$before" --until 0s --filter event=create --filter phase=done
check '… wholly' out_has 'step ob cunik ob-web-1 create running done'

# The stack as a picture, and its ports

check 'graph draws the stack' expect 0 compose graph
check '… for Graphviz' out_has 'digraph "ob" {'
check '… or as Mermaid' expect 0 compose graph --format mermaid -o graph.mmd
check '… into a file' grep -q '"healthy"' graph.mmd
check 'SVG comes from Graphviz' expect 0 compose graph --format svg -o graph.svg
check '… with all in it' test "$(xmllint --xpath 'count(//*[local-name()="g"][@class="node"])' graph.svg)" = 5
without_dot() { PATH=$BIN "$BIN/cunik-compose" -f stack.yaml graph --format svg; }
check 'without it that is told' expect 1 without_dot
check '… with the package' err_has 'package graphviz'
check 'a port is told' expect 0 compose port web 80
check '… as it is published' answers "http://$(cat "$OUT")/" "$(fetch "http://$(compose port web 80)/")"
check 'one of UDP too' expect 0 compose port --protocol udp web 81
check 'one that is not published is none' expect 1 compose port web 82
check '… by name' err_has "'ob-web-1' publishes no port 82/tcp"
check 'one of no copy either' expect 1 compose port --index 2 web 80

# The host

expect 0 cunik doctor --format json
check 'the doctor finds nothing that keeps guests from running' test "$STATUS" = 0
check '… says so of each thing' test "$(jq -r '[.checks[] | select(.status != "problem")] | length' "$OUT")" = 12
check '… and of KVM what the engine found' test \
    "$(jq -r '.checks[] | select(.check == "kvm") | .status' "$OUT")" = "$(cunik info --format json | jq -r 'if .accel == "kvm" then "ok" else "note" end')"
without_rights() {
    unshare --mount bash -c "mount --make-rprivate / && mount --bind /dev/null $(command -v slirp4netns) &&
        exec setpriv --bounding-set -net_admin --inh-caps -net_admin cunik doctor"
}
check 'without a right that is needed, and the way to do without, its status tells' expect 1 without_rights
check '… and it says what to do' grep -qE '→ .*(CAP_NET_ADMIN|slirp4netns)' "$OUT"

check 'down' expect 0 compose down
check 'nothing is left' nothing_left
plan_tests_done
