#!/bin/bash
# The main job, with real guests: up, nothing to do, a change, scale, health gates, failure, down.
. "$(dirname "$0")/lib.sh"

cd "$WORK" || exit 1
stack() {
    cat >cunik-compose.yaml <<EOF
name: t
services:
  web:
    command: ["port=80"]
    environment:
      GREETING: ${GREETING:-hello}
    hostname: web
    depends_on:
      db: {condition: service_healthy}
    healthcheck: {test: ["HTTP", "http://:80/"], interval: 1s, timeout: 1s, retries: 3, start_period: 10s}
    ports: ["127.0.0.1:8080:80"]
    stop_grace_period: 1s
    unikernel: {backend: unikraft, kernel: $PROBE}
  db:
    command: ["port=6379", "healthy_after=300"]
    hostname: db
    healthcheck: {test: ["HTTP", "http://:6379/health"], interval: 1s, timeout: 1s, retries: 3, start_period: 10s}
    scale: ${DB_SCALE:-1}
    stop_grace_period: 1s
    unikernel: {backend: unikraft, kernel: $PROBE}
EOF
}
stack

state_of() { # NAME FIELD
    cunik-compose ps -a --format json | jq -r --arg n "$1" --arg f "$2" 'select(.Name == $n) | .[$f] | tostring'
}

check 'plan of a new stack shows what would be created' expect 0 cunik-compose plan
check '… the network first' grep -qE '^\+ create network t_default: ' "$OUT"
check '… and each cunik with a reason' grep -qE '^\+ create web-1: ' "$OUT"
check 'plan --detailed-exitcode says 2 for changes' expect 2 cunik-compose plan --detailed-exitcode
check 'nothing was started by planning' nothing_left

check 'up -d --wait succeeds' expect 0 cunik-compose up -d --wait --wait-timeout 60
check 'the published port answers' answers http://127.0.0.1:8080/ 'hello from web'
check 'environment arrives' bash -c 'curl -sS http://127.0.0.1:8080/env | grep -qx GREETING=hello'
check 'a guest resolves and calls another by its name' \
    answers 'http://127.0.0.1:8080/get?http://db:6379/' 'hello from db'
check 'ps lists both as running and healthy' expect 0 cunik-compose ps
check '… web' grep -qE '^t-web-1 .*Up .*\(healthy\)' "$OUT"
check '… db' grep -qE '^t-db-1 .*Up .*\(healthy\)' "$OUT"
check 'ps --format json has Docker Compose'\''s fields' \
    test "$(state_of t-web-1 State)/$(state_of t-web-1 Health)/$(state_of t-web-1 Service)" = running/healthy/web
check 'logs show the consoles' expect 0 cunik-compose logs
check '… with a prefix' grep -qE '^web-1  \| probe: ready' "$OUT"
check 'logs of one service without prefix' expect 0 cunik-compose logs --no-log-prefix --tail 1 db
check '… have one line' test "$(wc -l <"$OUT")" = 1
check 'logs -t has times' bash -c 'cunik-compose logs -t web | grep -qE "\| 20[0-9-]+T[0-9:.]+Z probe: "'
check 'ls shows the stack' expect 0 cunik-compose ls
check '… with its count' grep -qE '^t +running\(2\)' "$OUT"

check 'plan has nothing to do now' expect 0 cunik-compose plan --detailed-exitcode
web=$(pid_of t-web-1) db=$(pid_of t-db-1)
check 'up again does nothing' expect 0 cunik-compose up -d
check '… and leaves the guests alone' test "$web/$db" = "$(pid_of t-web-1)/$(pid_of t-db-1)"

GREETING=goodbye stack
check 'a change shows in the plan with its reason' expect 0 cunik-compose plan
check '… old and new value' out_has '~ recreate web-1: environment.GREETING "hello" → "goodbye"'
check 'up recreates' expect 0 cunik-compose up -d --wait
check '… the changed service' test "$web" != "$(pid_of t-web-1)"
check '… and no other' test "$db" = "$(pid_of t-db-1)"
check '… which has the new value' bash -c 'curl -sS http://127.0.0.1:8080/env | grep -qx GREETING=goodbye'

cp "$PROBE" kernel.elf
sed "s|$PROBE|./kernel.elf|" cunik-compose.yaml >moved.yaml
check 'a kernel of the same content elsewhere is another one' bash -c 'cunik-compose -f moved.yaml plan | grep -q "unikernel.kernel"'
cunik-compose -f moved.yaml up -d --wait 2>/dev/null
check 'a kernel that stays is left alone' expect 0 cunik-compose -f moved.yaml plan --detailed-exitcode
touch -d '+1 second' kernel.elf
check 'a kernel that was built again is noticed' expect 2 cunik-compose -f moved.yaml plan --detailed-exitcode
check '… with the reason' out_has '~ recreate web-1: its kernel or initrd file has changed'
check '… up recreates' expect 0 cunik-compose -f moved.yaml up -d --wait
check '… once' expect 0 cunik-compose -f moved.yaml plan --detailed-exitcode
cunik-compose up -d --wait 2>/dev/null
web=$(pid_of t-web-1) db=$(pid_of t-db-1)
check 'scale up' expect 0 cunik-compose up -d --wait --scale db=3
check '… three copies run' test "$(cunik-compose ps -q db | wc -l)" = 3
check '… the others were left alone' test "$web/$db" = "$(pid_of t-web-1)/$(pid_of t-db-1)"
check 'scale down' expect 0 cunik-compose up -d --wait --scale db=1
check '… the first copy stays' test "$(cunik-compose ps --format json db | jq -r .Name)" = t-db-1

check 'force-recreate of one without its dependencies' \
    expect 0 cunik-compose up -d --wait --no-deps --force-recreate web
check '… leaves the dependency' test "$db" = "$(pid_of t-db-1)"
check '… and its address' answers http://127.0.0.1:8080/ 'hello from web'

check 'stop' expect 0 cunik-compose stop
check '… ps shows none' test "$(cunik-compose ps -q | wc -l)" = 0
check '… ps -a shows both as exited' test "$(cunik-compose ps -a --format json | jq -r .State | sort -u)" = exited
check '… and the port is closed or refused' bash -c '! curl -sS --max-time 1 http://127.0.0.1:8080/ 2>/dev/null'
check 'start' expect 0 cunik-compose start
check '… answers again' wait_until 10 answers http://127.0.0.1:8080/ 'hello from web'
web=$(pid_of t-web-1)
check 'restart of one' expect 0 cunik-compose restart web
check '… has another process' test "$web" != "$(pid_of t-web-1)"
check 'kill' expect 0 cunik-compose kill web
check '… is exited with 137' test "$(state_of t-web-1 State)/$(state_of t-web-1 ExitCode)" = exited/137
check 'up starts what was killed' expect 0 cunik-compose up -d --wait
check '… and it answers' answers http://127.0.0.1:8080/ 'hello from web'

check 'down without the file, by name' bash -c 'cd / && cunik-compose -p t down'
check 'down leaves nothing' nothing_left
check 'down again is no error' expect 0 cunik-compose down

# A health gate that never opens, and a guest that fails.
cat >gate.yaml <<EOF
name: gate
services:
  late:
    depends_on: {sick: {condition: service_healthy}}
    unikernel: {backend: unikraft, kernel: $PROBE}
  sick:
    command: [unhealthy]
    healthcheck: {test: ["HTTP", "http://:80/health"], interval: 100ms, timeout: 500ms, retries: 2}
    unikernel: {backend: unikraft, kernel: $PROBE}
EOF
check 'a dependency that is unhealthy fails up' expect 1 cunik-compose -f gate.yaml up -d
check '… naming who waited for whom' bash -c "grep -q late '$ERR' && grep -q sick '$ERR'"
check '… and the dependent was never started' \
    test "$(cunik-compose -f gate.yaml ps -a --format json late | jq -r .State)" != running
check '… down cleans up' expect 0 cunik-compose -f gate.yaml down
check '… wholly' nothing_left

cat >fail.yaml <<EOF
name: fail
services:
  after:
    depends_on: {job: {condition: service_completed_successfully}}
    unikernel: {backend: unikraft, kernel: $PROBE}
  job:
    command: [exit=0]
    unikernel: {backend: unikraft, kernel: $PROBE}
EOF
check 'a job that completes lets its dependent start' expect 0 cunik-compose -f fail.yaml up -d --wait
check '… the job is exited with 0' \
    test "$(cunik-compose -f fail.yaml ps -a --format json job | jq -r '"\(.State)/\(.ExitCode)"')" = exited/0
check '… the dependent runs' \
    test "$(cunik-compose -f fail.yaml ps --format json after | jq -r .State)" = running
check '… down' expect 0 cunik-compose -f fail.yaml down
sed -i 's/exit=0/crash/' fail.yaml
check 'a job that crashes fails up' expect 1 cunik-compose -f fail.yaml up -d --wait
check '… naming it' err_has job
check '… down' expect 0 cunik-compose -f fail.yaml down
check '… wholly' nothing_left

# A crash is what the restart policy deals with, and nothing else.
cat >crash.yaml <<EOF
name: crash
services:
  never:
    command: [crash, after=100]
    scale: 3
    unikernel: {backend: unikraft, kernel: $PROBE}
  twice:
    command: [crash, after=50]
    restart: on-failure:2
    unikernel: {backend: unikraft, kernel: $PROBE}
EOF
boots() { cunik-compose -f crash.yaml logs --no-log-prefix "$1" | grep -c 'probe: booted'; }
all_ended() { [ -z "$(cunik-compose -f crash.yaml ps -q)" ]; }
# Several rounds: an end that is seen half (the tap closed, the guest not yet known to be gone) is none of
# anybody's drift.
for round in 1 2 3; do
    check "guests that crash, $round" expect 0 cunik-compose -f crash.yaml up -d
    check '… end' wait_until 20 all_ended
    sleep 0.3 # nothing tells of what must not happen
    check '… restart: no means once' equal "$(boots never)" 3
    check '… on-failure:2 means three times' equal "$(boots twice)" 3
    check '… and nobody has repaired anything' not grep -h repairing "$CUNIK_ROOT/cunikd.log"
    check '… down' expect 0 cunik-compose -f crash.yaml down
done
check 'plan refuses what up refuses' bash -c "sed 's|$PROBE|/nowhere|' fail.yaml >nowhere.yaml; cunik-compose -f nowhere.yaml plan 2>&1 | grep -q /nowhere"

plan_tests_done
