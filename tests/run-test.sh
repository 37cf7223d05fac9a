#!/bin/bash
# tests/run itself: what it counts, shows and returns. It cannot be its own judge, so each expectation is a line here.
set -u
cd "$(dirname "$0")/.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TEST_LOGS=$work/logs
unset CI
n=0 bad=0

# runs STATUS LAST_LINE ARGUMENT...: tests/run with these ends so; its output is in $work/out.
runs() {
    local wanted=$1 last=$2
    shift 2
    tests/run "$@" >"$work/out" 2>&1
    local status=$?
    [ "$status" = "$wanted" ] && [ "$(tail -n 1 "$work/out")" = "$last" ]
}
shows() { grep -qE -- "$1" "$work/out"; }
check() { # NAME COMMAND...
    local name=$1
    shift
    n=$((n + 1))
    if "$@"; then
        echo "ok $n - $name"
    else
        bad=1
        echo "not ok $n - $name"
        sed 's/^/# /' "$work/out" # so that none of its lines is taken for ours
    fi
}
not() { ! "$@"; }

check 'what passes is counted' runs 0 '3 passed, 0 failed, 1 skipped' \
    'one=echo ok 1 - a; echo ok 2 - b; echo "ok 3 - c # SKIP no such thing"' 'two=echo ok 1 - d'
check '… and has a line' shows '^one +2 passed +0 failed +1 skipped +[0-9]+ ms$'
check '… without what it wrote' not shows ' - a'
check '… which is kept' grep -q '^ok 1 - d$' "$work/logs/two.log"
check 'what fails is counted' runs 1 '2 passed, 1 failed, 0 skipped' \
    'one=echo ok 1 - a; echo not ok 2 - b; echo "#   why"; exit 1' 'two=echo ok 1 - c'
check '… and all that it wrote is shown' shows '^    #   why$'
check 'one that passes all and ends badly has failed' runs 1 '1 passed, 1 failed, 0 skipped' 'one=echo ok 1 - a; exit 3'
check '… with its status' shows 'not ok - one ended with status 3'
check 'one that is killed has failed' runs 1 '1 passed, 1 failed, 0 skipped' "one=echo ok 1 - a; kill -9 \$\$"
check '… with its status' shows 'not ok - one ended with status 137'
killed=()
for i in 0 1 2 3 4 5 6 7 8 9; do killed+=("$i=kill -9 \$\$"); done
check 'several killed at once have failed, each' runs 1 '0 passed, 10 failed, 0 skipped' -j 10 "${killed[@]}"
check 'one that reports nothing has failed' runs 1 '0 passed, 1 failed, 0 skipped' 'one=true'
check 'one that cannot be run has failed' runs 1 '0 passed, 1 failed, 0 skipped' 'one=/no/such/test'
TEST_TIMEOUT=1 check 'one that hangs has failed' runs 1 '1 passed, 1 failed, 0 skipped' 'one=echo ok 1 - a; exec sleep 600'
CI=true check 'in CI what is skipped has failed' runs 1 '1 passed, 1 failed, 0 skipped' \
    'one=echo ok 1 - a; echo "ok 2 - b # SKIP no such thing"'
CI=true check '… but for what is optional' runs 0 '1 passed, 0 failed, 1 skipped' \
    'one=echo ok 1 - a; echo "ok 2 - b # SKIP optional: no such thing"'

# Each waits for the other, through a pipe.
mkfifo "$work/a" "$work/b"
meet=("one=echo x >$work/a; read -r <$work/b; echo ok 1 - a" "two=read -r <$work/a; echo x >$work/b; echo ok 1 - b")
TEST_TIMEOUT=60 check 'two at a time' runs 0 '2 passed, 0 failed, 0 skipped' -j 2 "${meet[@]}"
check 'one at a time, in their order' runs 0 '3 passed, 0 failed, 0 skipped' -j 1 \
    "one=echo 1 >>$work/order; echo ok 1 - a" "two=echo 2 >>$work/order; echo ok 1 - b" "three=echo 3 >>$work/order; echo ok 1 - c"
check '… as they were given' test "$(xargs <"$work/order")" = '1 2 3'
TEST_TIMEOUT=60 check 'each has its own result, whichever ends first' runs 1 '1 passed, 1 failed, 0 skipped' -j 2 \
    "slow=read -r <$work/a; echo ok 1 - a" "quick=echo x >$work/a & echo not ok 1 - b; exit 1"
check '… slow' shows '^slow +1 passed +0 failed'
check '… quick' shows '^quick +0 passed +1 failed'

# Interrupted, it ends what runs, which takes down what it has made.
tests/run -j 2 "one=trap 'echo taken down >$work/down; exit' TERM; echo >$work/a; while :; do sleep 0.01; done" >"$work/out" 2>&1 &
runner=$!
read -r <"$work/a"
kill $runner
wait $runner
check 'interrupted it ends with 130' test $? = 130
for ((i = 0; i < 1000; i++)); do [ ! -s "$work/down" ] || break; sleep 0.02; done
check '… as does what ran' grep -q 'taken down' "$work/down"
echo "1..$n"
exit $bad
