#!/bin/bash
# The k-th operation on the host fails, or the engine dies at it (SIGKILL), with real guests: a sample of all points and
# ways, from SEED, POINTS of them ("all" for every one). tests/unit/test_torture.c does all of them on a host in memory.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
FAULTY=${CUNIK_FAULTY:-$ROOT_DIR/build/release/tests/faulty/cunikd}
POINTS=${POINTS:-3}
SEED=${SEED:-$(date +%s%N)}
RANDOM=$((SEED % 32768))
echo "# SEED=$SEED POINTS=$POINTS"
cd "$WORK" || exit 1

service() { # NAME PORT ENVIRONMENT
    cat <<YAML
  $1:
    mem_limit: 16m
    ports: ["127.0.0.1:$2:80"]
    environment: {A: "$3"}
    healthcheck: {test: [HTTP, "http://:80/"], interval: 1s, start_period: 60s}
    unikernel: {backend: unikraft, kernel: $PROBE}
YAML
}
{
    echo 'name: t'
    echo 'services:'
    service db 8081 1
    service web 8082 1
    echo '    depends_on: {db: {condition: service_healthy}}'
} >first.yaml
sed 's/A: "1"/A: "2"/; s/8082/8083/; s/depends_on: .*/networks: [default, back]/' first.yaml >second.yaml
echo 'networks: {default: {}, back: {}}' >>second.yaml

# begin_engine [WAY:K]: one that is to fail or die.
begin_engine() {
    CUNIK_FAULT=${1:-} CUNIK_FAULT_COUNT=$WORK/count
    export CUNIK_FAULT_COUNT
    if [ -n "$CUNIK_FAULT" ]; then export CUNIK_FAULT; else export -n CUNIK_FAULT; fi
    rm -f count
    "$FAULTY" --root "$CUNIK_ROOT" --idle-timeout 0 2>>"$CUNIK_ROOT/cunikd.log" &
    engine=$!
    export -n CUNIK_FAULT CUNIK_FAULT_COUNT
    wait_until 60 test -S "$CUNIK_ROOT/cunikd.sock"
}
end_engine() {
    kill "$engine" 2>/dev/null
    wait "$engine" 2>/dev/null
    rm -f "$CUNIK_ROOT/cunikd.sock"
}
# One that died at once has been followed by the command's own.
engine_runs() { kill -0 "$(engine_pid)" 2>/dev/null; }
operations() { cat count 2>/dev/null || echo 0; }

# prepare PLOT: what is there before; act PLOT: what is done.
prepare() {
    case $1 in
    up) ;;
    *) cunik-compose -f first.yaml up -d ;;
    esac
}
act() {
    case $1 in
    up) cunik-compose -f first.yaml up -d ;;
    change) cunik-compose -f second.yaml up -d ;;
    down) cunik-compose -f first.yaml down ;;
    esac
}
# Running it again gets there.
converges() {
    case $1 in
    up) run act up && run cunik-compose -f first.yaml plan --detailed-exitcode && wait_until 30 answers http://127.0.0.1:8082/ 'hello from t-web-1' ;;
    change) run act change && run cunik-compose -f second.yaml plan --detailed-exitcode && wait_until 30 answers http://127.0.0.1:8083/ 'hello from t-web-1' ;;
    down) run act down && nothing_left ;;
    esac
}
goes() { run cunik-compose -f first.yaml down && nothing_left; }
no_files_left() {
    find "$CUNIK_ROOT/images" "$CUNIK_ROOT/networks" "$CUNIK_ROOT/names" -type f >"$OUT"
    [ ! -s "$OUT" ]
}

# How many operations each plot has.
declare -A most
for plot in up change down; do
    begin_engine
    prepare $plot >/dev/null 2>&1
    before=$(operations)
    run act $plot
    most[$plot]=$(($(operations) - before))
    run goes
    end_engine
done
echo "# operations: up ${most[up]}, change ${most[change]}, down ${most[down]}"
check 'every plot has operations' test "${most[up]}" -gt 8 -a "${most[change]}" -gt 8 -a "${most[down]}" -gt 4

# one PLOT WAY K: the K-th operation of the plot.
one() {
    local what="$1: operation $3 of ${most[$1]} $2"
    # What comes before is done by an engine that has no fault.
    begin_engine
    prepare "$1" >/dev/null 2>&1
    end_engine
    begin_engine "$2:$3"
    run act "$1"
    case $2 in
    dies*) wait "$engine" 2>/dev/null; engine_runs || rm -f "$CUNIK_ROOT/cunikd.sock" ;;
    esac
    if [ $((RANDOM % 3)) != 0 ]; then
        check "$what: again" converges "$1"
    fi
    check "$what: down" goes
    check "$what: no file is left" no_files_left
    end_engine
    run cunik list # whoever it was that ran
    stop_engine
}

runs=0
if [ "$POINTS" = all ]; then
    for plot in up change down; do
        for ((k = 1; k <= most[$plot]; k++)); do
            for way in fails fails-after dies dies-after; do
                one $plot $way $k
                runs=$((runs + 1))
            done
        done
    done
else
    plots=(up change down) ways=(dies dies-after fails fails-after)
    for ((i = 0; i < POINTS; i++)); do
        plot=${plots[RANDOM % 3]}
        one "$plot" "${ways[i % 4]}" $((1 + RANDOM % most[$plot]))
        runs=$((runs + 1))
    done
fi
echo "# $runs runs"

plan_tests_done
