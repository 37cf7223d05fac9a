#!/bin/bash
# Commands of a stack that are not on the main way: create, scale, rm, pause, stats, top, wait, images, volumes.
. "$(dirname "$0")/lib.sh"

cd "$WORK" || exit 1
mkdir -p image && cp "$PROBE" image/probe.elf
printf 'backend: unikraft\nkernel: probe.elf\nmemory: 16M\n' >image/Cunikfile
cat >cunik-compose.yaml <<YAML
name: v
x-u: &u {backend: unikraft, kernel: $PROBE}
services:
  web: {unikernel: *u, depends_on: [db]}
  db: {unikernel: *u}
  built: {build: ./image, image: built-here, network_mode: none}
  elsewhere: {image: nowhere/at/all, pull_policy: never, network_mode: none}
YAML
states() { cunik-compose ps -a --format json | jq -r '"\(.Service)=\(.State)"' | sort | xargs; }

# create, scale
check 'create makes what is asked for, and its dependencies' expect 0 cunik-compose create web
check '… and starts nothing' equal "$(states)" 'db=created web=created'
check 'up of a part does not want the images of the rest' expect 0 cunik-compose up -d web
check '… and starts what was created' equal "$(states)" 'db=running web=running'
check 'scale' expect 0 cunik-compose scale web=3
check '… makes that many' equal "$(cunik-compose ps -q web | wc -l)" 3
check '… and fewer' expect 0 cunik-compose scale web=1 db=2
check '… of each' equal "$(states)" 'db=running db=running web=running'
check 'a scale that is no number' expect 2 cunik-compose scale web=many
check '… is refused' err_has "SERVICE=NUM, not 'web=many'"
check 'a scale of nobody' expect 2 cunik-compose scale wep=1
check '… names the nearest' err_has "no such service: wep; did you mean 'web'?"
cunik-compose scale db=1 2>/dev/null

# pause, unpause, stats, top
check 'pause' expect 0 cunik-compose pause web
check '… holds that one' equal "$(states)" 'db=running web=paused'
check 'up lets it go on' expect 0 cunik-compose up -d web
check '… and its memory stays' equal "$(cunik-compose logs --no-log-prefix web | grep -c 'probe: booted')" 1
check '… and its state' equal "$(states)" 'db=running web=running'
check 'pause again' expect 0 cunik-compose pause web
check 'unpause' expect 0 cunik-compose unpause
check '… lets it go on' equal "$(states)" 'db=running web=running'
check 'pause of nobody' expect 2 cunik-compose pause nobody
check 'stats' expect 0 cunik-compose stats --no-stream web
cp "$OUT" "$OUT.table"
check '… of that service alone' equal "$(awk '{print $1}' "$OUT" | xargs)" 'NAME v-web-1'
check '… as JSON' bash -c 'cunik-compose stats --no-stream --format json | jq -se "map(.cunik) == [\"v-db-1\", \"v-web-1\"]"'
check "… with the guest's memory, whether or not a limit is named" grep -qE '^v-web-1 .* / 64\.0 MiB ' "$OUT.table"
check 'top' expect 0 cunik-compose top
check '… of each guest' equal "$(grep -xc 'v-db-1\|v-web-1' "$OUT")" 2
check '… shows its threads' grep -q 'TID *TIME *THREAD' "$OUT"

# images, volumes
check 'an image that is built' expect 0 cunik-compose up -d --build built
check 'images' expect 0 cunik-compose images
check '… what boots one' bash -c "grep -q '^v-built-1 *built-here *sha256:[0-9a-f]\{12\} ' '$OUT' && ! grep -q web '$OUT'"
check '… by digest' bash -c 'cunik-compose images -q | grep -qx "sha256:[0-9a-f]\{64\}"'
check '… as JSON' bash -c 'cunik-compose images --format json built | jq -e ".cunik == \"v-built-1\" and .size > 0"'
cat >volumes.yaml <<YAML
name: w
volumes: {data: {driver_opts: {size: 1M}}, other: {driver_opts: {size: 1M}}}
services:
  a: {volumes: ["data:/data"], network_mode: none, unikernel: {backend: rumprun, kernel: $PROBE}}
  b: {volumes: ["other:/data"], network_mode: none, unikernel: {backend: rumprun, kernel: $PROBE}}
YAML
check 'a stack with volumes' expect 0 cunik-compose -f volumes.yaml up -d
check 'volumes' equal "$(cunik-compose -f volumes.yaml volumes -q | xargs)" 'w_data w_other'
check '… of a service' equal "$(cunik-compose -f volumes.yaml volumes -q b)" w_other
check '… of this stack alone' equal "$(cunik-compose volumes -q)" ''
check '… down' expect 0 cunik-compose -f volumes.yaml down -v

# What is fetched and built.
cat >fetched.yaml <<YAML
name: f
services:
  a: {image: built-here, network_mode: none}
  b: {build: ./image, image: not-yet, network_mode: none}
YAML
check '--pull always wants the registry' not cunik-compose -f fetched.yaml up -d --pull always a
check '--pull never does with what is there' expect 0 cunik-compose -f fetched.yaml up -d --pull never a
check '--no-build builds nothing' not cunik-compose -f fetched.yaml create --no-build b
check '… and says what is missing' err_has 'no such image: not-yet'
check '--build and --no-build' expect 2 cunik-compose -f fetched.yaml up --build --no-build
check '… exclude each other' err_has 'exclude each other'
check '… down' expect 0 cunik-compose -f fetched.yaml down

# wait, rm
cunik-compose wait web db >waited 2>&1 &
waiting=$!
cunik-compose stop web 2>/dev/null
check 'rm leaves what runs' expect 0 cunik-compose rm -f db
check '… and says so' err_has 'Nothing has ended'
check 'ps --status' equal "$(cunik-compose ps --status exited -q | wc -l)" 1
check 'rm asks' expect 130 cunik-compose rm web
check '… before it does' equal "$(states)" 'built=running db=running web=exited'
cunik-compose kill db 2>/dev/null
wait $waiting
check 'wait says what each ended with' equal "$(sed 's/ exited.*//' waited | xargs)" 'v-db-1 v-web-1'
check 'rm -f' expect 0 cunik-compose rm -f
check '… removes what has ended' equal "$(states)" 'built=running'
check 'rm -s -f' expect 0 cunik-compose rm -sf built
check '… what runs too' equal "$(states)" ''

# run
cat >jobs.yaml <<YAML
name: j
x-u: &u {backend: unikraft, kernel: $PROBE}
services:
  job:
    command: [say=as-usual, "say==== _exit(0) called ===", halt=halted]
    depends_on: {db: {condition: service_healthy}}
    networks: {default: {ipv4_address: 10.77.0.9, aliases: [worker]}}
    ports: ["127.0.0.1:8077:80"]
    restart: always
    unikernel: {backend: rumprun, kernel: $PROBE}
  db: {unikernel: *u, healthcheck: {test: ["HTTP", "http://:80/health"], interval: 200ms, timeout: 30s}}
networks: {default: {ipam: {config: [{subnet: 10.77.0.0/24}]}}}
YAML
export COMPOSE_FILE=jobs.yaml
check 'run' expect 0 cunik-compose run --rm job say=this-once 'say==== _exit(0) called ===' halt=halted
check '… shows what it writes, and nothing else' grep -q 'this-once' "$OUT"
check '… with the arguments given' bash -c "! grep -q as-usual '$OUT'"
check '… after its dependencies were healthy' equal "$(states)" 'db=running'
check '… and nothing is to be done about the rest' bash -c 'cunik-compose plan db | grep -q "Nothing to do"'
check 'its status is that of the program' expect 7 cunik-compose run --rm --no-deps job 'say==== _exit(7) called ===' halt=halted
check 'run -it is taken: it is so in any case' expect 7 cunik-compose run -it --rm --no-deps job 'say==== _exit(7) called ===' halt=halted
at_once() {
    local i pids=()
    for i in 1 2 3; do
        cunik-compose run --rm job say=at-once-$i "say==== _exit($i) called ===" halt=halted >at-once-$i 2>&1 &
        pids+=($!)
    done
    for i in 1 2 3; do
        wait "${pids[i - 1]}"
        [ $? = $i ] && grep -q "at-once-$i" at-once-$i || return 1
    done
}
check 'several at once do not disturb each other' at_once
check '… and leave nothing' equal "$(states)" 'db=running'
check 'run -d' expect 0 cunik-compose run -d -e GREETING=hello --name visitor job idle
check '… prints its name' equal "$(cat "$OUT")" visitor
check '… is listed' equal "$(cunik-compose ps --format json | jq -r .Name | sort | xargs)" 'j-db-1 visitor'
check '… has the variable' equal "$(cunik inspect visitor | jq -r '.[0].environment.GREETING')" hello
check '… and another address than the file says' bash -c 'cunik inspect visitor | jq -e ".[0].networks[0].address != \"10.77.0.9\""'
check '… publishes nothing' equal "$(cunik inspect visitor | jq -c '.[0].ports // []')" '[]'
check 'the service itself comes up beside it' expect 0 cunik-compose up -d
check '… says nothing of orphans' bash -c "! grep -q 'left alone' '$ERR'"
check '… and removes none' expect 0 cunik-compose up -d --remove-orphans
check '… of them' bash -c 'cunik-compose ps --format json | jq -r .Name | grep -qx visitor'
check 'stop stops it as well' expect 0 cunik-compose stop
check '… and start does not bring it back' expect 0 cunik-compose start
check '… by itself' equal "$(cunik inspect visitor | jq -r '.[0].status.state')" exited
check 'run in the background, and removed at the end' expect 2 cunik-compose run -d --rm job
check '… is refused' err_has "options '--detach' and '--rm' exclude each other"
check 'a name that is taken' expect 2 cunik-compose run --name j-db-1 job
check '… is named' err_has "'j-db-1' is another one's already"
check 'run of nobody' expect 2 cunik-compose run jub
check '… names the nearest' err_has "did you mean 'job'?"
check 'down takes it along' expect 0 cunik-compose down
check '… wholly' equal "$(cunik list -aq | wc -l)" 0

# A run of what has name servers of its own, and one that is not about its networks.
cat >apart.yaml <<YAML
name: a
x-u: &u {backend: unikraft, kernel: $PROBE}
services:
  app: {unikernel: *u, networks: [front, back], ports: ["127.0.0.1:8078:80"]}
  db: {unikernel: *u, networks: [back]}
  job: {unikernel: {backend: rumprun, kernel: $PROBE}, networks: [back], scale: 0}
networks: {front: {}, back: {}}
YAML
export COMPOSE_FILE=apart.yaml
check 'a stack with a name server of one service' expect 0 cunik-compose up -d
check 'run of that service' expect 0 cunik-compose run -d --name asker app get=http://db/
has_asked() { cunik logs asker | grep -q '^get http://db/: 200'; }
check '… that knows the names of all its networks' wait_until 30 has_asked
check '… goes' expect 0 cunik rm -f asker
check 'run of another' expect 0 cunik-compose run --rm job 'say==== _exit(0) called ===' halt=halted
check '… and all is as the file says' bash -c 'cunik-compose plan | grep -q "Nothing to do"'
sed -i 's/app: {unikernel: \*u,/& dns: 10.9.9.9,/' apart.yaml
check 'up of what has not changed' expect 0 cunik-compose up -d db
check '… leaves the networks of others as they are' bash -c 'cunik-compose plan db | grep -q "Nothing to do"'
check '… and nothing to repair' bash -c '! cunik-compose events --until 0s | grep -q repairing'
check '… down' expect 0 cunik-compose down
unset COMPOSE_FILE
check 'down' expect 0 cunik-compose down
check 'nothing is left' nothing_left
plan_tests_done
