#!/bin/bash
# up without -d: follows the logs, stops the stack at an interrupt.
. "$(dirname "$0")/lib.sh"

cd "$WORK" || exit 1
cat >cunik-compose.yaml <<EOF
name: f
services:
  web:
    unikernel: {backend: unikraft, kernel: $PROBE}
EOF

cunik-compose up >follow.out 2>follow.err &
pid=$!
check 'the log is followed' wait_until 20 grep -q 'web-1  | probe: ready' follow.out
kill -INT $pid
wait $pid
STATUS=$?
cp follow.out "$OUT"
cp follow.err "$ERR"
check 'an interrupt ends it with 130' test $STATUS = 130
check 'it says how to force' err_has 'Gracefully stopping'
check 'the stack is stopped' test "$(cunik-compose ps -a --format json | jq -r .State)" = exited
check 'down' expect 0 cunik-compose down
check 'nothing is left' nothing_left

# A guest that does not hear the power button once it has said so: the first interrupt waits for its grace period, the second
# does not.
cat >deaf.yaml <<EOF
name: g
services:
  web:
    stop_grace_period: 60s
    command: [acpi, halt=deaf, after=200]
    mem_limit: 16m
    unikernel: {backend: linux, kernel: $PROBE}
EOF
cunik-compose -f deaf.yaml up >follow.out 2>follow.err &
pid=$!
wait_until 20 grep -q 'web-1  | deaf' follow.out
begin=$SECONDS
kill -INT $pid
wait_until 10 grep -q 'Stopping' follow.err
kill -INT $pid
wait $pid
STATUS=$?
cp follow.out "$OUT"
cp follow.err "$ERR"
check 'a second interrupt kills' test $((SECONDS - begin)) -lt 15
check 'and ends it with 130' test $STATUS = 130
check 'the guest is gone' test "$(cunik-compose -f deaf.yaml ps -q | wc -l)" = 0

# A command that is interrupted goes on with what it has begun; interrupted again, it is left alone.
cunik-compose -f deaf.yaml up -d 2>follow.err
wait_until 20 bash -c 'cunik logs g-web-1 | grep -q deaf'
begin=$SECONDS
: >"$ERR" # what it says of another stop is not taken for this one's
cunik-compose -f deaf.yaml stop 2>"$ERR" &
pid=$!
wait_until 20 grep -q 'g-web-1  Stopping' "$ERR"
kill -INT $pid
check 'a stop that is interrupted waits for what it has begun' wait_until 10 grep -q 'cancelled: what has begun' "$ERR"
kill -INT $pid
wait $pid
check 'a second interrupt leaves it' test $? = 130
check 'and at once' test $((SECONDS - begin)) -lt 30
check 'the engine goes on, and a kill does not wait for it' expect 0 cunik-compose -f deaf.yaml kill
check 'down after that' expect 0 cunik-compose -f deaf.yaml down

# A reader that goes away, and output that cannot be written.
cat >flood.yaml <<EOF
name: h
services:
  web:
    command: ["flood=1000000"]
    unikernel: {backend: unikraft, kernel: $PROBE}
EOF
check 'a guest that floods its console' expect 0 cunik-compose -f flood.yaml up -d --wait
for command in 'cunik-compose -f flood.yaml logs -f' 'cunik logs -f h-web-1' 'cunik-compose -f flood.yaml up'; do
    check "$command ends when its reader does" bash -c "timeout 10 $command 2>/dev/null | head -n 1 >/dev/null
        [ \${PIPESTATUS[0]} = 141 ]"
done
check 'the guest runs on' test "$(cunik-compose -f flood.yaml ps -q | wc -l)" = 1
check 'logs that cannot be written are an error' \
    expect 1 bash -c 'cunik-compose -f flood.yaml logs --tail 9 >/dev/full'
check '… that is told' err_has 'writing standard output: No space left on device'
check 'help that cannot be written is an error' expect 1 bash -c 'cunik-compose --help >/dev/full'
check 'down of the flood' expect 0 cunik-compose -f flood.yaml down -t 1

cat >ends.yaml <<EOF
name: e
services:
  job:
    command: [say=bye, exit=0, after=300]
    unikernel: {backend: unikraft, kernel: $PROBE}
EOF
check 'following ends when every guest has ended' expect 0 timeout 30 cunik-compose -f ends.yaml up
check '… with what it wrote' out_has 'bye'
check '… down' expect 0 cunik-compose -f ends.yaml down
check 'nothing is left at the end' nothing_left

plan_tests_done
