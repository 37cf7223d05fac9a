# What the end-to-end tests share. Source it first: it puts the test into namespaces of its own (network, mounts),
# gives it an engine of its own under a short temporary root, and takes both down at the end, however
# the test ends.
#
#   . tests/e2e/lib.sh
#   check 'NAME' COMMAND...        one test: passes when the command succeeds
#   plan_tests_done                prints what is left to print; the last line of every test

set -u
ROOT_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$ROOT_DIR" || exit 1

if [ "$(id -u)" != 0 ]; then
    echo "ok 1 - $(basename "$0") # SKIP needs root"
    exit 0
fi
if [ "${CUNIK_TEST_NAMESPACE:-}" != "$$" ]; then
    # exec keeps the pid, so the variable tells that this very process has its own namespaces.
    CUNIK_TEST_NAMESPACE=$$ exec unshare --net --mount "$BASH" "$0" "$@"
fi
ip link set lo up

BIN=${CUNIK_BIN:-$ROOT_DIR/build}
PROBE=$ROOT_DIR/build/guests/probe.elf
export PATH="$BIN:$PATH"
CUNIK_ROOT=$(mktemp -d /tmp/ckXXXXXX)
export CUNIK_ROOT
chmod 711 "$CUNIK_ROOT" # guests run as another user
WORK=$(mktemp -d /tmp/cwXXXXXX)
unset COMPOSE_FILE COMPOSE_PROJECT_NAME COMPOSE_PROFILES COMPOSE_ENV_FILES CUNIK_CONNECT CUNIK_ACCEL \
    LIBVIRT_DEFAULT_URI COMPOSE_PROGRESS COMPOSE_ANSI COMPOSE_PARALLEL_LIMIT

N=0 FAILED=0
OUT=$WORK/.out ERR=$WORK/.err STATUS=0

# Every process of this test's engine: its daemon, guests and name servers carry the root on their command line.
engine_pids() {
    local cmdline pid
    for cmdline in /proc/[0-9]*/cmdline; do
        pid=${cmdline#/proc/}
        pid=${pid%/cmdline}
        [ "$pid" != $$ ] || continue
        { tr '\0' ' ' <"$cmdline"; } 2>/dev/null | grep -qF "$CUNIK_ROOT" || continue
        # Not the tools of this test itself (grep, curl …): only what the engine starts.
        case $(cat "/proc/$pid/comm" 2>/dev/null) in
        cunikd | qemu-system-x86* | dnsmasq | cunik-outside | slirp4netns) echo "$pid" ;;
        esac
    done
}

cleanup() {
    trap - EXIT INT TERM
    local pid
    for pid in $(engine_pids); do
        kill "$pid" 2>/dev/null
    done
    wait_until 5 no_engine_left || for pid in $(engine_pids); do
        kill -9 "$pid" 2>/dev/null
    done
    rm -rf "$CUNIK_ROOT" "$WORK"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

no_engine_left() { [ -z "$(engine_pids)" ]; }

# wait_until SECONDS COMMAND...: for what tells nobody when it is so far.
wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.02
    done
}

# Another machine: a network namespace of its own, that of the process $other, joined by a veth pair, "wire" here and
# "eth0" there. Whoever asks for one ends $other when it exits.
another_machine() {
    unshare --net sleep 1000 &
    other=$!
    wait_until 10 other_is_apart
    ip link add wire type veth peer name eth0 netns "$other"
}
other_is_apart() { [ "$(readlink /proc/$$/ns/net)" != "$(readlink "/proc/$other/ns/net")" ]; }
there() { nsenter --net="/proc/$other/ns/net" "$@"; }
# With 192.0.2.1 here and 192.0.2.2 there.
another_machine_4() {
    another_machine
    ip address add 192.0.2.1/24 dev wire
    ip link set wire up
    there ip address add 192.0.2.2/24 dev eth0
    there ip link set eth0 up
    there ip route add default via 192.0.2.1
}
answers_there() { [ "$(there curl -sS --max-time 10 --connect-timeout 3 "$1" 2>"$ERR" | tee "$OUT")" = "$2" ]; }

ok() {
    N=$((N + 1))
    echo "ok $N - $1"
}

not_ok() {
    N=$((N + 1)) FAILED=1
    echo "not ok $N - $1"
    echo "#   status $STATUS"
    sed 's/^/#   out: /' "$OUT" 2>/dev/null | head -20
    sed 's/^/#   err: /' "$ERR" 2>/dev/null | head -20
    tail -n 3 "$CUNIK_ROOT/cunikd.log" 2>/dev/null | sed 's/^/#   cunikd: /'
}

# run COMMAND...: keeps its output in $OUT and $ERR, its status in $STATUS.
run() {
    "$@" >"$OUT" 2>"$ERR"
    STATUS=$?
    return $STATUS
}

check() {
    local name=$1
    shift
    if "$@"; then ok "$name"; else not_ok "$name"; fi
}

# expect STATUS COMMAND...: as run, and the status must be so.
expect() {
    local wanted=$1
    shift
    run "$@"
    [ "$STATUS" = "$wanted" ]
}

# equal GOT WANTED
equal() {
    [ "$1" = "$2" ] || { echo "got '$1', wanted '$2'" >"$OUT"; return 1; }
}
# same GOT WANTED: the same, for what two commands say: nothing twice is not that.
same() { [ -n "$2" ] && equal "$1" "$2"; }
not() { ! run "$@"; }

out_has() { grep -qF -- "$1" "$OUT"; }
err_has() { grep -qF -- "$1" "$ERR"; }
out_is() { [ "$(cat "$OUT")" = "$1" ]; }

fetch() { curl -sS --max-time 10 --connect-timeout 5 "$@"; }
# answers URL TEXT
answers() { [ "$(fetch "$1")" = "$2" ]; }

engine_pid() { cat "$CUNIK_ROOT/cunikd.pid" 2>/dev/null; }
stop_engine() {
    kill "$(engine_pid)" 2>/dev/null
    wait_until 20 test ! -e "$CUNIK_ROOT/cunikd.pid"
}
# status_of CUNIK MEMBER
status_of() { cunik inspect "$1" | jq -r ".[0].status.$2"; }
pid_of() { status_of "$1" pid; }
# is CUNIK STATE
is() { [ "$(status_of "$1" state)" = "$2" ]; }
nothing_planned() { run cunik-compose plan --detailed-exitcode; }

# floods CUNIK N: the console of a guest that has ended has all that `flood=N` printed, from its boot on. What was there and
# what was to be there is left in the files "got" and "wanted".
floods() {
    cunik logs "$1" >"$OUT" && head -n 1 "$OUT" | grep -q 'probe: booted' || return 1
    tr -d '\r' <"$OUT" | grep '^flood' >got
    seq -f "flood %.0f of $2" "$2" >wanted
    cmp got wanted >"$ERR"
}

# The engine's own leftovers in this namespace, on one line each; nothing when all is clean.
leftovers() {
    ip -o link show | awk -F': ' '$2 != "lo" && $2 !~ /^(gre|sit|ip6|tunl|ip_vti|erspan)/ {print "link " $2}'
    nft list tables 2>/dev/null | sed 's/^/nftables /'
    local pid
    for pid in $(engine_pids); do
        case $(cat "/proc/$pid/comm" 2>/dev/null) in
        qemu-system-x86* | dnsmasq) echo "process $pid $(tr '\0' ' ' <"/proc/$pid/cmdline" | cut -c1-80)" ;;
        esac
    done
    find "$CUNIK_ROOT/stacks" "$CUNIK_ROOT/consoles" "$CUNIK_ROOT/opened" -type f 2>/dev/null | sed 's/^/file /'
}

nothing_left() {
    leftovers >"$OUT"
    [ ! -s "$OUT" ]
}

plan_tests_done() {
    echo "1..$N"
    exit $FAILED
}
