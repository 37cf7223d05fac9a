#!/bin/bash
# How a stack comes to be what it should, and what is told when it does not: waits and their verdicts, exit
# statuses, restart policies, plans that are kept, going back, one command at a time.
. "$(dirname "$0")/lib.sh"

cd "$WORK" || exit 1
stack() {
    cat >cunik-compose.yaml <<END
name: u
services:
  web:
    command: ["port=80"]
    environment: {GREETING: "${GREETING:-hello}"}
    healthcheck: {test: ["HTTP", "http://:80/health"], interval: 1s, timeout: 1s, retries: 20}
    stop_grace_period: 0s
    unikernel: {backend: unikraft, kernel: $PROBE}
  job:
    restart: ${RESTART:-"no"}
    depends_on: {web: {condition: service_healthy}}
    unikernel:
      {backend: raw, kernel: $PROBE, cmdline: "say=${SAY:-fine} ${CODE:+debugexit} exit=${CODE:-0}", params: {debugexit: "true"}}
END
}
verdict() { # SERVICE: its verdict in the events of $ERR
    grep -a '"type":"verdict"' "$ERR" | jq -r --arg s "$1" 'select(.service == $s) | .state'
}

# A guest that fails.
CODE=3 SAY=farewell stack
check 'up --wait fails with a guest that fails' not cunik-compose --progress json up -d --wait --wait-timeout 60
check '… the verdict of each service is an event' test "$(verdict web)/$(verdict job)" = healthy/failed
check '… with the last lines of its console' \
    bash -c "grep -a '\"type\":\"verdict\"' '$ERR' | jq -e 'select(.service == \"job\") | .data.cuniks[0].console | index(\"farewell\")'"
check '… and its own status' test "$(status_of u-job-1 exit_code)" = 3
not cunik-compose --progress plain up -d --wait --wait-timeout 60
check 'people read the same' err_has ' Service job  failed: u-job-1 has ended ('
check '… and the console' err_has '   u-job-1 | farewell'

# Statuses.
check '--exit-code-from is the status of the service' expect 3 cunik-compose up --exit-code-from job
check '… and the stack is stopped' test "$(cunik-compose ps -q | wc -l)" = 0
check '--abort-on-exit is the status of who ended' expect 3 cunik-compose up --abort-on-exit
check '--abort-on-container-exit is another name of it' expect 3 cunik-compose up --abort-on-container-exit
check 'they are for who follows' expect 2 cunik-compose up -d --abort-on-exit

# Policies.
CODE=4 RESTART=on-failure:2 stack
cunik-compose up -d 2>/dev/null
check 'on-failure:2 starts again twice' wait_until 60 bash -c '[ "$(cunik inspect u-job-1 | jq -r ".[0].status | .restarts, .state" | xargs)" = "2 exited" ]'
CODE=4 RESTART=always stack
check 'up --wait sees a crash loop' not cunik-compose up -d --wait --wait-timeout 120
check '… and says so' err_has 'crash loop'

# Kept plans.
stack
cunik-compose up -d --wait 2>/dev/null
GREETING=bye stack
check 'plan --out keeps the plan' expect 0 cunik-compose plan --out kept.json
check '… which others need not read' test "$(stat -c %a kept.json)" = 600
rm cunik-compose.yaml
check 'up --plan carries it out, without the file' expect 0 cunik-compose up -d --wait --plan kept.json
check '… once' not cunik-compose up -d --plan kept.json
check '… and says what has changed since' err_has 'no longer: ~ recreate web-1: environment.GREETING "hello" → "bye"'

# Going back, also to a kernel that has been built anew since: overwritten in place, and gone.
cp "$PROBE" web.elf
GREETING=bye stack
sed -i "s,backend: unikraft\, kernel: [^}]*,backend: unikraft\, kernel: $PWD/web.elf," cunik-compose.yaml
check 'another kernel' expect 0 cunik-compose up -d --wait
sum=$(sha256sum <"$PROBE")
booted() { sha256sum <"$CUNIK_ROOT/images/u-web-1/kernel"; }
printf x >>web.elf
sed -i "s/exit=0/exit=5/; s/say=fine/say=fine debugexit/" cunik-compose.yaml
check 'up --atomic with a kernel that was built anew fails' not cunik-compose up -d --atomic --wait-timeout 60
check '… having booted it' err_has 'the stack is what it was before'
check '… and the guest has the one from before' equal "$(booted)" "$sum"
check '… which is not what the file has now' bash -c 'cunik-compose plan | grep -q "kernel or initrd file has changed"'
check 'nothing else is kept' test "$(ls "$CUNIK_ROOT/images/.kept" "$CUNIK_ROOT/images/.store" | grep -c -v :)" -le 3
GREETING=bye stack
cunik-compose up -d --wait 2>/dev/null
before=$(cunik inspect u-web-1 | jq -c '.[0] | [.environment, .networks[0].address, .status.state]')
GREETING=worse CODE=5 stack
check 'up --atomic fails' not cunik-compose up -d --atomic --wait-timeout 60
check '… says that it went back' err_has 'the stack is what it was before'
check '… and did' test "$before" = "$(cunik inspect u-web-1 | jq -c '.[0] | [.environment, .networks[0].address, .status.state]')"
check 'down leaves nothing' expect 0 cunik-compose down
check '… indeed' nothing_left
check 'up --atomic of a new stack leaves nothing either' not cunik-compose up -d --atomic --wait-timeout 60
check '… indeed' nothing_left

# One at a time.
sed -i 's/port=80/port=80", "unhealthy/; s/restart: .*/restart: "no"/' cunik-compose.yaml
cunik-compose up -d --wait >first 2>&1 &
first=$!
check 'a first command waits for health' wait_until 30 is u-web-1 running
check 'a second one on the stack waits no longer than --lock-timeout' not cunik-compose --lock-timeout 0 stop
check '… and says who is first' err_has "stack 'u' is held by another request (up by cunik-compose (pid $first"
sed 's/^name: u/name: other/; /^  job:/,$d; s/, "unhealthy"//' cunik-compose.yaml >other.yaml
check 'another stack does not wait' expect 0 cunik-compose -f other.yaml --lock-timeout 0 up -d --wait
kill -INT $first
wait $first
check 'an interrupt ends the first' test $? = 130
cp first "$ERR"
check '… which says what it leaves' err_has 'cancelled: 2 of 3 steps done'
check '… of each service' err_has ' Service job  not started: u-job-1 is absent'
cunik-compose -f other.yaml down 2>/dev/null
check 'down' expect 0 cunik-compose down
check '… leaves nothing' nothing_left
plan_tests_done
