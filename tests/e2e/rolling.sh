#!/bin/bash
# Copies of a service that are updated one after another, and watched: what a failure leads to.
. "$(dirname "$0")/lib.sh"

cd "$WORK" || exit 1
stack() { # ACTION
    cat >cunik-compose.yaml <<END
name: r
services:
  web:
    scale: 3
    command: ["port=80"${WORD:+, "$WORD"}]
    environment: {GREETING: "${GREETING:-one}"}
    healthcheck: {test: ["HTTP", "http://:80/health"], interval: 1s, timeout: 5s, retries: 4}
    stop_grace_period: 0s
    deploy: {update_config: {parallelism: 1, failure_action: $1${ORDER:+, order: $ORDER}${DELAY:+, delay: $DELAY}}}
    unikernel: {backend: unikraft, kernel: $PROBE}
END
}
up() { cunik-compose --progress json up -d "$@"; }
look() { # FIELD...: of each copy
    cunik inspect r-web-1 r-web-2 r-web-3 | jq -c "[.[] | [$1]]"
}
# What was begun and what was found healthy, in order: "1h2h3h" is one after another.
rows() {
    jq -rj 'if .type == "step" and .verb == "recreate" and .phase == "begin" then .name[-1:]
        elif .type == "health" and .state == "healthy" then "h" else empty end' "$ERR"
}
same='.environment.GREETING, .networks[0].address, .networks[0].mac'

stack pause
check 'three copies come up' expect 0 up --wait
addresses=$(look '.networks[0].address')
GREETING=two stack pause
check 'they are changed' expect 0 up
check '… each when the one before it is healthy' equal "$(rows)" 1h2h3h
check '… with their addresses' same "$(look '.networks[0].address')" "$addresses"

before=$(look "$same")
pids=$(look '.status.pid')
GREETING=three WORD=unhealthy stack rollback
check 'an update that fails fails the command' expect 1 up
check '… and says so' err_has "the update of 'web' has failed, 0 of 3 done: 'r-web-1' is unhealthy: GET http"
check '… and what it did' err_has "'web' is what it was before"
check '… which is true' equal "$(look "$same")" "$before"
check '… and the others have run on' same "$(look '.status.pid' | jq -c '.[1:]')" "$(jq -c '.[1:]' <<<"$pids")"
check '… and all are healthy' wait_until 30 bash -c \
    'cunik inspect r-web-1 r-web-2 r-web-3 | jq -e "all(.[]; .status.health == \"healthy\")"'
check 'the file is still to be carried out' expect 0 cunik-compose plan
check '… for all of them' out_has '3 to recreate'

WORD=unhealthy GREETING=two stack pause
check 'an update that is paused fails the command' expect 1 up
check '… and says so' err_has "the update of 'web' is paused, 0 of 3 done"
check '… and leaves the others alone' same "$(look '.status.pid' | jq -c '.[1:]')" "$(jq -c '.[1:]' <<<"$pids")"
check '… for the next one' bash -c 'cunik-compose plan | grep -q "2 to recreate"'
GREETING=two ORDER=start-first stack pause
check 'what was there again is a change of one' expect 0 up --wait
check '… and the order that cannot be is named' err_has "order: 'start-first' means stop-first here"

# An update that waits between two copies, in $up.
begin_update() {
    : >up.err
    cunik-compose --progress json up -d 2>>up.err &
    up=$!
    wait_until 60 grep -q '"phase":"waiting"' up.err &&
        wait_until 60 grep -q '"type":"health".*"state":"healthy"' up.err
}
ended() { # STATUS
    wait "$up"
    equal $? "$1"
}
GREETING=four DELAY=1h stack pause
check 'an update waits for its delay' begin_update
kill -TERM $up
check '… and leaves for a signal' ended 130
check '… with the others as they were' bash -c 'cunik-compose plan | grep -q "2 to recreate"'
check 'it goes on when it is told to' begin_update
check 'down does not wait for it' expect 0 timeout 60 cunik-compose down
check '… and leaves nothing' nothing_left
check '… and the update says who has ended it' ended 130
check '… in words' grep -q "the update of 'web' is called off for 'down by cunik-compose" up.err
plan_tests_done
