#!/bin/bash
# Chaos with real guests: random files, random commands, and between and during them whatever somebody could do to the host.
# Then the laws hold: up gets there, a plan is empty, all is reached, down leaves nothing. SEED repeats a run; CHAOS is how
# many seconds to go on.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
CHAOS=${CHAOS:-15}
SEED=${SEED:-$(($(date +%s%N) / 1000 % 32768))}
RANDOM=$SEED
echo "# SEED=$SEED CHAOS=$CHAOS"
cd "$WORK" || exit 1
exec 3>>story

tell() { echo "$*" >&3; }
chance() { [ $((RANDOM % 100)) -lt "$1" ]; }
pick() { shift $((RANDOM % $#)); echo "$1"; }

random_file() {
    local services=(db web job) i name
    {
        echo 'name: h'
        echo 'services:'
        for i in 0 1 2; do
            name=${services[i]}
            [ "$name" = web ] || chance 70 || continue
            echo "  $name:"
            echo "    mem_limit: $(pick 16m 16m 24m)"
            echo "    environment: {A: \"$((RANDOM % 3))\"}"
            echo "    restart: $(pick no always unless-stopped on-failure)"
            echo "    unikernel: {backend: unikraft, kernel: $PROBE}"
            [ "$name" != db ] || echo '    healthcheck: {test: [HTTP, "http://:80/"], interval: 1s, start_period: 60s}'
            [ "$name" != web ] || echo "    ports: [\"127.0.0.1:$(pick 8080 8081):80\"]"
            ! chance 40 || echo '    networks: [default, back]'
        done
        echo 'networks: {default: {}, back: {}}'
    } >file.yaml
}
guests() { cunik list --format json 2>/dev/null | jq -r "$1"; }
links() { ip -o link show | sed -n "s/^[0-9]*: \(ck$1[^:@]*\).*/\1/p"; }
# a random word of those given, if any
any() { [ $# = 0 ] || pick "$@"; }

strike() {
    local what victim=''
    what=$(pick qemu qemu engine tap tap bridge dnsmasq rules plug address state network power)
    # shellcheck disable=SC2046
    case $what in
    qemu) victim=$(any $(pids_of qemu-system-x86)) && [ -z "$victim" ] || kill -9 "$victim" ;;
    engine) victim=$(engine_pid) && [ -z "$victim" ] || kill -9 "$victim" ;;
    tap) victim=$(any $(links t)) && [ -z "$victim" ] || ip link del "$victim" ;;
    bridge) victim=$(any $(links b)) && [ -z "$victim" ] || ip link del "$victim" ;;
    plug) victim=$(any $(links t)) && [ -z "$victim" ] || ip link set "$victim" nomaster ;;
    address) victim=$(any $(links b)) && [ -z "$victim" ] || ip address flush dev "$victim" ;;
    dnsmasq) victim=$(any $(pids_of dnsmasq)) && [ -z "$victim" ] || kill -9 "$victim" ;;
    rules) nft flush ruleset ;;
    state) victim=stacks && [ ! -e "$CUNIK_ROOT/stacks/h.json" ] || echo '{' >"$CUNIK_ROOT/stacks/h.json" ;;
    network) victim=$(any "$CUNIK_ROOT"/networks/*.json) && rm -f "$victim" ;;
    power)
        chance 30 || return
        for victim in $(engine_pids); do kill -9 "$victim"; done
        wait_until 20 no_engine_left
        for victim in $(links ''); do ip link del "$victim"; done
        nft flush ruleset
        ;;
    esac 2>/dev/null
    tell "  strike: $what $victim"
}
pids_of() {
    local pid
    for pid in $(engine_pids); do
        [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != "$1" ] || echo "$pid"
    done
}
act() {
    local command client
    chance 50 && random_file
    command=$(pick 'up -d' 'up -d' 'up -d --remove-orphans' 'up -d --force-recreate' stop start restart kill 'up -d --scale web=1' down)
    tell "command: $command"
    # shellcheck disable=SC2086
    timeout 120 cunik-compose -f file.yaml $command >>out 2>&1 &
    client=$!
    while chance 50; do
        sleep "0.$((RANDOM % 4))"
        strike
    done
    if chance 15; then
        tell '  strike: the client'
        kill -9 $client 2>/dev/null
    fi
    wait $client 2>/dev/null
    [ $? != 124 ] || { tell 'hangs'; return 1; }
}
settled() { run cunik-compose -f file.yaml plan --detailed-exitcode; }
reached() {
    local port
    port=$(sed -n 's/.*127.0.0.1:\([0-9]*\):80.*/\1/p' file.yaml)
    answers "http://127.0.0.1:$port/" 'hello from h-web-1'
}
laws() {
    tell 'the laws'
    expect 0 timeout 120 cunik-compose -f file.yaml up -d --wait --remove-orphans || return 1
    wait_until 30 settled || return 1
    wait_until 30 reached || return 1
    expect 0 timeout 60 cunik-compose -f file.yaml down --remove-orphans && nothing_left
}

rounds=0 end=$((SECONDS + CHAOS)) held=1
while [ $held = 1 ] && { [ $rounds = 0 ] || [ $SECONDS -lt $end ]; }; do
    rounds=$((rounds + 1))
    : >story
    random_file
    for ((i = RANDOM % 4; i >= 0; i--)); do act || held=0; done
    laws || held=0
done
echo "# $rounds rounds"
if [ $held = 0 ]; then
    sed 's/^/# /' story file.yaml
    tail -n 30 "$CUNIK_ROOT/cunikd.log" | sed 's/^/# cunikd: /'
fi
check 'whatever happens, the laws hold' test $held = 1

plan_tests_done
