#!/bin/bash
# Every option of `config` and every variable of the environment that says where a stack comes from, by the
# real command; what each prints in full is shown by tests/golden/compose. No engine is needed.
. "$(dirname "$0")/lib.sh"
unset COMPOSE_PATH_SEPARATOR COMPOSE_DISABLE_ENV_FILE
exec 2>"$WORK/warnings" # what is looked at is in $ERR

mkdir "$WORK/shop" && cd "$WORK/shop" || exit 1
cat >compose.yaml <<'YAML'
services:
  web:
    image: "nginx:${TAG:-1}"
    unikernel: {kernel: ./k}
    volumes: ["data:/data"]
    cap_add: [ALL]
  hosted:
    network_mode: host
    unikernel: {kernel: ./k}
  extra:
    image: extra
    profiles: [more]
    networks: [side]
    unikernel: {kernel: ./k}
volumes: {data: }
networks: {side: }
YAML
echo 'services: {web: {hostname: over}}' >over.yaml
echo 'services: {web: {hostname: "${NOBODY:?says it}", depends_on: [gone]}}' >loose.yaml
echo TAG=2 >.env
echo TAG=3 >three.env
echo NAME=four >four.env

config() { expect 0 cunik-compose "$@"; }
# prints TEXT ARGUMENTS...
prints() {
    local wanted=$1
    shift
    expect 0 cunik-compose "$@" && equal "$(cat "$OUT")" "$wanted"
}

check 'config' config config
check '… has the name of the folder' out_has 'name: shop'
check '… and the .env beside the file' out_has 'image: nginx:2'
check '--services' prints $'hosted\nweb' config --services
check '--images' prints nginx:2 config --images
check '--volumes' prints data config --volumes
check '--networks' prints default config --networks
check '--profiles' prints more config --profiles
check '--hash' bash -c "cunik-compose config --hash web | grep -qE '^web [0-9a-f]{64}\$'"
check '--hash "*"' bash -c "cunik-compose --profile more config --hash '*' | grep -cE '^(web|extra) [0-9a-f]{64}\$' | grep -qx 2"
check '--environment' bash -c 'cunik-compose config --environment | grep -qx TAG=2'
check '--variables' bash -c 'cunik-compose config --variables | grep -qE "^TAG +false +1"'
check '--unsupported' config config --unsupported
check '… lists keys' out_has 'services.web.cap_add'
check '… and values, with why and where' bash -c "grep -qE 'network_mode +.*default network +compose.yaml:8' '$OUT'"
check '… and warns of nothing' test ! -s "$ERR"
check '--strict makes errors of them' expect 2 cunik-compose --strict config
check '… of keys' err_has 'services.web.cap_add: is not supported'
check '… and of values' err_has "services.hosted.network_mode: 'host' is not supported"
check '--no-interpolate' config config --no-interpolate
check '… leaves variables' out_has 'image: nginx:${TAG:-1}'
check '--no-normalize' config config --no-normalize
check '… adds no network' not grep -q default "$OUT"
check '--no-path-resolution' config config --no-path-resolution
check '… leaves paths' out_has 'kernel: ./k'
check 'a service that is not there is a mistake' expect 2 env NOBODY=x cunik-compose -f compose.yaml -f loose.yaml config
check '--no-consistency does not look' env NOBODY=x cunik-compose -f compose.yaml -f loose.yaml config --no-consistency -q
check '-o FILE' config config -o out.yaml
check '… prints nothing' test ! -s "$OUT"
check '… and writes what config prints' bash -c 'cunik-compose config | cmp - out.yaml'
check '--format json' bash -c 'cunik-compose config --format json | jq -e ".name == \"shop\" and .services.web.image == \"nginx:2\"" >/dev/null'
check '--quiet' config config --quiet
check '… prints nothing' test ! -s "$OUT"

check '-f -' bash -c 'cunik-compose -f - config --images <compose.yaml | grep -qx nginx:2'
check 'COMPOSE_FILE' env COMPOSE_FILE=compose.yaml:over.yaml bash -c 'cunik-compose config | grep -q "hostname: over"'
check 'COMPOSE_PATH_SEPARATOR' env COMPOSE_PATH_SEPARATOR=, COMPOSE_FILE=compose.yaml,over.yaml bash -c 'cunik-compose config | grep -q "hostname: over"'
check '-f wins over COMPOSE_FILE' env COMPOSE_FILE=absent.yaml cunik-compose -f compose.yaml config -q
check 'COMPOSE_PROFILES' env COMPOSE_PROFILES=more bash -c 'cunik-compose config --services | xargs | grep -qx "extra hosted web"'
check '--profile wins over it' env COMPOSE_PROFILES=more bash -c 'cunik-compose --profile none config --services | grep -qx web'
check 'COMPOSE_ENV_FILES' env COMPOSE_ENV_FILES=four.env,three.env bash -c 'cunik-compose config --environment | grep -cE "^(TAG=3|NAME=four)$" | grep -qx 2'
check '--env-file wins over it' env COMPOSE_ENV_FILES=absent.env cunik-compose --env-file three.env config -q
check 'COMPOSE_DISABLE_ENV_FILE' env COMPOSE_DISABLE_ENV_FILE=1 bash -c 'cunik-compose config --images | grep -qx nginx:1'
check 'the environment wins over files' env TAG=9 bash -c 'cunik-compose config --images | grep -qx nginx:9'
check 'COMPOSE_PROJECT_NAME' env COMPOSE_PROJECT_NAME=other bash -c 'cunik-compose config | grep -qx "name: other"'
check '-p wins over it' env COMPOSE_PROJECT_NAME=other bash -c 'cunik-compose -p third config | grep -qx "name: third"'
check 'a name that cannot be' expect 2 env COMPOSE_PROJECT_NAME=Bad cunik-compose config
check '… is said' err_has 'invalid project name "Bad"'

# Messages.
printf 'services:\n  web:\n    imgae: x\n    unikernel: {kernel: k}\n    mem_limit: ${SIZE}\n' >wrong.yaml
check 'mistakes' expect 2 env SIZE=big cunik-compose -f wrong.yaml config
check '… have file, line, column, path and the nearest name' err_has "wrong.yaml:3:5: services.web.imgae: unknown key; did you mean 'image'?"
check '… where a value came from' err_has "invalid size: 'big' (from '\${SIZE}')"
check '… and no excerpt in a file' not grep -qF '^' "$ERR"
script -qec 'SIZE=big cunik-compose -f wrong.yaml config' /dev/null </dev/null >"$OUT" 2>&1
check 'a terminal gets the line' bash -c "grep -q 'imgae: x' '$OUT'"
check '… with a caret below its column' bash -c "tr -d '\r' <'$OUT' | grep -A1 'imgae: x' | tail -1 | grep -qE '^ +[|] +\^'"
printf 'include: [wrong.yaml]\nservices: {a: {extends: {file: wrong.yaml, service: web}, unikernel: {kernel: k}}}\n' >outer.yaml
check 'what was included' expect 2 env SIZE=big cunik-compose -f outer.yaml config
check '… says by whom' err_has '(included from outer.yaml:1)'
check '… and what was extended too' bash -c "grep -q 'extended by outer.yaml:2' '$ERR'"

plan_tests_done
