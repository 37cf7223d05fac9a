#!/bin/bash
# Every kind of health check against real guests, what its last failure is told by, and what follows from
# depends_on.restart and deploy.restart_policy.
. "$(dirname "$0")/lib.sh"

cd "$WORK" || exit 1
service() { # NAME HEALTHCHECK [WORD...]
    local name=$1 check=$2
    shift 2
    cat <<END
  $name:
    mem_limit: 16m
    command: ["port=80"$(printf ', "%s"' "$@")]
    healthcheck: $check
    unikernel: {backend: unikraft, kernel: $PROBE}
END
}
quick='interval: 300ms, timeout: 5s, retries: 2, start_interval: 100ms'
{
    echo 'name: h'
    echo 'services:'
    service tcp "{test: [TCP, '80'], interval: 60s, start_period: 60s}" x
    service http "{test: [HTTP, 'http://:80/health'], interval: 60s, start_period: 60s}" x
    service status "{test: [HTTP, 'http://:80/health', '503'], interval: 60s, start_period: 60s}" unhealthy
    service log "{test: [LOG, '^probe: rea[d]y'], interval: 60s, start_period: 60s}" x
    service cmd "{test: [CMD, bash, -c, 'exec 3<>/dev/tcp/\$\$CUNIK_ADDRESS/80'], interval: 60s, start_period: 60s}" x
    service shell "{test: 'test \$\$CUNIK_SERVICE = shell -a -e $WORK/well', $quick, start_period: 60s}" x
    service off "{test: [TCP, '1'], disable: true}" x
} >cunik-compose.yaml
touch well
status() { status_of "h-$1-1" "$2"; }
feels() { [ "$(status "$1" 'health // "none"')" = "$2" ]; }

check 'a stack with every kind of check comes up' expect 0 cunik-compose up -d --wait --wait-timeout 120
for name in tcp http status log cmd shell; do
    check "$name is healthy" feels $name healthy
done
check 'one that is disabled checks nothing' feels off none
rm well
check 'a check goes on after up: it is unhealthy' wait_until 60 feels shell unhealthy
reason=$(cunik inspect h-shell-1 | jq -r '.[0].status.reason')
check '… for a reason' test -n "$reason"
run cunik-compose ps shell
check '… which ps says' out_has "unhealthy: ${reason:0:16}…${reason: -31})"
check '… and the API' equal "$reason" "$(curl -s --unix-socket "$CUNIK_ROOT/cunikd.sock" 'http://x/v1/world?stack=h' |
    jq -r '.cuniks[] | select(.service == "shell") | .status.reason')"
check '… and events' equal "$reason" "$(cunik events --since 10m --until 0s --format json --filter type=health \
    --filter service=shell | jq -rs 'map(select(.state == "unhealthy"))[0].message')"
touch well
check '… and healthy again' wait_until 60 feels shell healthy
check 'down' expect 0 cunik-compose down

# Who is restarted with what it depends on, and who is not.
cat >cunik-compose.yaml <<END
name: h
services:
  db:
    mem_limit: 16m
    environment: {A: "\${A:-1}"}
    unikernel: &u {backend: unikraft, kernel: $PROBE}
  with:
    mem_limit: 16m
    depends_on: {db: {condition: service_started, restart: true}}
    unikernel: *u
  without:
    mem_limit: 16m
    depends_on: [db]
    unikernel: *u
  job:
    deploy: {restart_policy: {condition: on-failure, delay: 300ms, max_attempts: 2, window: 10m}}
    unikernel: {backend: raw, kernel: $PROBE, cmdline: "debugexit exit=4", params: {debugexit: "true"}}
END
check 'another stack' expect 0 cunik-compose up -d
with=$(status with pid) without=$(status without pid)
check 'restart_policy starts it twice, and no more' wait_until 60 bash -c \
    '[ "$(cunik inspect h-job-1 | jq -r ".[0].status | .restarts, .state" | xargs)" = "2 exited" ]'
kill -9 "$(engine_pid)"
check '… which the next engine knows' equal "$(status job attempts)/$(status job state)" 2/exited
export A=2
check 'a change of db' expect 0 cunik-compose up -d
check '… restarts who says so' not equal "$(status with pid)" "$with"
check '… and nobody else' same "$(status without pid)" "$without"
check 'down at the end' expect 0 cunik-compose down
check '… leaves nothing' nothing_left
plan_tests_done
