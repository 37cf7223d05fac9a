#!/bin/bash
# Beside firewalld, which rejects what none of its zones knows: the daemon itself, with a message bus of its own.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
cd "$WORK" || exit 1

if ! command -v firewalld >/dev/null || ! command -v dbus-daemon >/dev/null; then
    echo "ok 1 - beside firewalld # SKIP optional: there is no firewalld (Debian's package firewalld)"
    exit 0
fi
another_machine_4
bus='' daemon=''
ends() {
    for pid in $other $daemon $bus; do
        kill "$pid" && wait "$pid"
    done 2>/dev/null
    cleanup
}
trap ends EXIT

cat >bus.conf <<EOF
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=$WORK/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>
</busconfig>
EOF
dbus-daemon --config-file="$WORK/bus.conf" --nofork --nopidfile >bus.log 2>&1 &
bus=$!
wait_until 20 test -S bus
DBUS_SYSTEM_BUS_ADDRESS=unix:path=$WORK/bus firewalld --nofork --nopid >firewalld.log 2>&1 &
daemon=$!
rejects() { nft list chain inet firewalld filter_FORWARD 2>/dev/null | grep -q reject; }
ours() { nft list table inet firewalld | grep -c '"cunik_'; }
rules() { nft -s list table inet firewalld; }

cat >cunik-compose.yaml <<EOF
name: f
services:
  web:
    hostname: web
    ports: ["8080:80"]
    unikernel: {backend: unikraft, kernel: $PROBE}
    healthcheck: {test: ["HTTP", "http://:80/"], interval: 1s, start_period: 20s}
EOF
check 'firewalld starts and rejects' wait_until 60 rejects
rules >before
check 'up' expect 0 cunik-compose up -d --wait
check '… with a rule of ours in two of its chains' equal "$(ours)" 2
check '… another machine is answered' answers_there http://192.0.2.1:8080/ 'hello from web'
check '… and a guest has names' answers 'http://127.0.0.1:8080/resolve?web' "$(cunik inspect f-web-1 | jq -r '.[0].networks[0].address')"
repairs() { grep -c "repairing stack 'f'" "$CUNIK_ROOT/cunikd.log"; }
first=$(repairs)
anew() { [ "$(repairs)" -gt "$first" ] && [ "$(ours)" = 2 ]; }
kill -HUP "$daemon"
check 'firewalld makes its rules anew, and ours are put in again' wait_until 60 anew
check '… another machine is answered again' wait_until 60 answers_there http://192.0.2.1:8080/ 'hello from web'
check 'down' expect 0 cunik-compose down
rules >after
check '… and its rules are as they were' cmp before after
plan_tests_done
