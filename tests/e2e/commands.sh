#!/bin/bash
# What each command prints and means, beyond the main job that up_down.sh shows.
. "$(dirname "$0")/lib.sh"

cd "$WORK" || exit 1
cat >cunik-compose.yaml <<YAML
name: c
x-u: &u {backend: unikraft, kernel: $PROBE}
services:
  web: {unikernel: *u, depends_on: [app], hostname: web}
  app: {unikernel: *u, depends_on: [db], labels: {tier: middle}}
  db: {unikernel: *u}
  other: {unikernel: *u}
  debug: {unikernel: *u, profiles: [debug]}
YAML

# Parts of a stack.
check 'up of one service takes its dependencies along' expect 0 cunik-compose up -d web
check '… and no other' test "$(cunik-compose ps --services | sort | xargs)" = 'app db web'
check '… in the order of the graph' bash -c "grep -n Started '$ERR' | sed 's/.*c-\(.*\)-1.*/\1/' | xargs | grep -qx 'db app web'"
check 'a profile is off by default' bash -c '! cunik-compose config --services | grep -q debug'
check '… and on when asked for' bash -c 'cunik-compose --profile debug config --services | grep -qx debug'
check '… or when named' expect 0 cunik-compose plan debug
check '… in the plan' grep -q '^+ create debug-1: ' "$OUT"

cunik-compose up -d debug 2>/dev/null
check 'what a profile switched off again is no orphan' expect 0 cunik-compose up -d --remove-orphans db
check '… it runs on' bash -c 'cunik-compose ps --services | grep -qx debug'
cunik-compose --profile debug down debug 2>/dev/null
check '… down removes it by name' bash -c '! cunik-compose ps -a --services | grep -qx debug'

# Orphans.
sed '/^  db:/d; s/, depends_on: \[db\]//' cunik-compose.yaml >fewer.yaml
check 'a service that left the file is an orphan' expect 0 cunik-compose -f fewer.yaml plan web
check '… which is named' bash -c "grep -q 'db' '$ERR' || grep -q db '$OUT'"
check 'down leaves orphans' expect 0 cunik-compose -f fewer.yaml down
check '… and says so' err_has "service 'db'"
check '… db still runs' test "$(cunik-compose ps --services)" = db
check 'down again leaves them too' expect 0 cunik-compose -f fewer.yaml down
check '… db runs on' test "$(cunik-compose ps --services)" = db
check 'up --remove-orphans removes them' expect 0 cunik-compose -f fewer.yaml up -d --remove-orphans app
check '… db is gone' test "$(cunik-compose ps -a --services)" = app

# What the file's author is warned of is said where something is made of the file, and not by what looks at it.
sed 's/hostname: web/user: nobody/' cunik-compose.yaml >warns.yaml
for command in 'config -q' plan 'create web' 'scale --no-deps other=0'; do
    check "$command warns of what has no effect" expect 0 cunik-compose -p w -f warns.yaml $command
    check '… with its place' err_has 'warns.yaml:4:43: warning: services.web.user: '
done
for command in ps logs images volumes stop down; do
    check "$command does not say it again" expect 0 cunik-compose -p w -f warns.yaml $command
    check '… nothing of it' bash -c "! grep -q warning '$ERR'"
done

# Formats.
check 'plan --format json' expect 0 cunik-compose plan --format json web
check '… is JSON with steps and reasons' bash -c "jq -e '.steps[0] | .verb and .name and (.reasons | length > 0)' '$OUT'"
check 'config --format json is JSON' bash -c 'cunik-compose config --format json | jq -e ".services.web.depends_on.app.condition == \"service_started\""'
check 'config reads itself again' bash -c 'cunik-compose config >one.yaml && cunik-compose -f one.yaml config >two.yaml && cmp one.yaml two.yaml'
check 'config from standard input' bash -c 'cunik-compose -f - config -q <cunik-compose.yaml'
check 'config -q prints nothing' bash -c '[ -z "$(cunik-compose config -q 2>&1)" ]'
check 'up --progress json' expect 0 cunik-compose --progress json up -d app
check '… prints events, a line each' bash -c "jq -es 'all(.v == 1) and (last.type == \"done\")' '$ERR'"
check 'up --progress quiet' expect 0 cunik-compose --progress quiet up -d web
check '… prints nothing' test ! -s "$ERR"
check 'a terminal gets a line for each resource, redrawn in place' \
    bash -c "script -qec 'stty cols 100 rows 30; cunik-compose up -d --force-recreate app' /dev/null >'$OUT' </dev/null"
check '… with its state' grep -q 'Cunik c-app-1.*Started' "$OUT"
check '… and cursor movements' grep -q $'\033\[[0-9]*A' "$OUT"
check 'no colours when not asked for' bash -c '! cunik-compose logs | grep -q "$(printf "\033")"'
check 'colours when asked for' bash -c 'cunik-compose --ansi always logs | grep -q "$(printf "\033\\[36m")"'
check 'ps --format json has labels' bash -c 'cunik-compose ps --format json app | jq -e ".Labels == \"tier=middle\""'
check 'ps of an unknown service' expect 2 cunik-compose ps nobody
check 'ls --format json' bash -c 'cunik-compose ls --format json | jq -e ".[0].Name == \"c\""'
check 'version --short' bash -c 'cunik-compose version --short | grep -qE "^[0-9]+\.[0-9]+\.[0-9]+$"'
for verb in config down kill logs ls plan ps restart start stop up version; do
    check "$verb --help" expect 0 cunik-compose $verb --help
done

check 'port of a service that is not there' expect 1 cunik-compose port nobody 80
check '… says so' err_has "no service 'nobody' in stack 'c' is up"
check 'port of a copy that is not there' expect 1 cunik-compose port --index 9 app 80
check '… says so' err_has "service 'app' has no copy 9"
check 'port of what is not published' expect 1 cunik-compose port app 80
check '… says so' err_has "'c-app-1' publishes no port 80/tcp"

# What one who knows Docker Compose asks for.
check 'exec has no command' expect 2 cunik-compose exec -it web sh
check '… and names those that help' err_has "there is no command 'exec': a guest has no shell to start; 'attach'"
check 'up --dry-run has no option' expect 2 cunik-compose up --dry-run
check '… and names plan' err_has "'cunik-compose plan' shows what 'up' would do"
check 'up -V says what to do instead' expect 2 cunik-compose up -V
check '… the same' err_has "'rm --stop --volumes'"
check 'cunik exec has an answer too' expect 2 cunik exec c-app-1 sh
check '… the same' err_has "there is no command 'exec'"
check 'run -d --rm is refused' expect 2 cunik-compose run -d --rm app
check '… with what to do instead' err_has "use 'cunik-compose rm' then"
check 'cunik run -d --rm too' expect 2 cunik run -d --rm "./$(basename "$PROBE")"
check '… with what to do instead' err_has "use 'cunik rm' then"
check 'kill of another signal' expect 2 cunik-compose kill -s SIGTERM app
check '… names stop' err_has "'stop' has them shut down"
check 'up --quiet-pull --no-color' expect 0 cunik-compose up -d --quiet-pull --no-color app
check 'logs --no-color wins' bash -c '! cunik-compose --ansi always logs --no-color app | grep -q "$(printf "\033")"'

# Nothing to do.
check 'start of what runs' expect 0 cunik-compose start app
check '… says so' err_has "Nothing to do for stack 'c'"
for verb in start stop restart kill down; do
    check "$verb of what is not there" expect 0 cunik-compose -p nobody $verb
    check '… says so' err_has "Nothing is there of stack 'nobody'"
done
check 'down of nothing, quietly' expect 0 cunik-compose --progress quiet -p nobody down
check '… prints nothing' test ! -s "$ERR"

# Logs.
timeout 20 cunik-compose logs -f --tail 1 app >followed 2>&1 &
pid=$!
check 'logs -f begins with the tail' wait_until 10 grep -q 'probe: ready' followed
cunik-compose restart app 2>/dev/null
check '… and goes on with what comes' wait_until 10 bash -c '[ "$(grep -c "probe: ready" followed)" = 2 ]'
kill -INT $pid 2>/dev/null
wait $pid
check 'restart keeps the console' test "$(cunik-compose logs --no-log-prefix app | grep -c 'probe: booted')" = 2

# Scale 0 and container_name.
cat >named.yaml <<YAML
name: n
services:
  one: {container_name: my-guest, unikernel: {backend: unikraft, kernel: $PROBE}}
  none: {scale: 0, unikernel: {backend: unikraft, kernel: $PROBE}}
YAML
check 'container_name and scale 0' expect 0 cunik-compose -f named.yaml up -d
check '… name the guest' test "$(cunik-compose -f named.yaml ps -a --format json | jq -r .Name)" = my-guest
check '… cannot be scaled' expect 2 cunik-compose -f named.yaml up -d --scale one=2
check 'no-recreate leaves a change' bash -c "sed -i 's/my-guest,/my-guest, hostname: h,/' named.yaml && cunik-compose -f named.yaml up -d --no-recreate 2>&1 | grep -vq Recreat"
check 'ls lists both stacks' bash -c 'cunik-compose ls -q | sort | xargs | grep -qx "c n"'
check 'kill -s SIGKILL' expect 0 cunik-compose -f named.yaml kill -s SIGKILL one
check '… destroys it' bash -c '[ -z "$(cunik-compose -f named.yaml ps -q)" ]'
check 'down of the second' expect 0 cunik-compose -f named.yaml down
check 'down of the first' expect 0 cunik-compose down
check 'nothing is left' nothing_left

plan_tests_done
