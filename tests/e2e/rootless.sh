#!/bin/bash
# A stack of a user who has no rights: an engine in namespaces of its own, and slirp4netns. The "host" of that
# user is this test's network namespace, with a neighbour beside it.

# A mount namespace too: the device for taps may be root's alone here, and names are to be asked of this test.
if [ "$(id -u)" = 0 ] && [ "${CUNIK_TEST_MOUNTS:-}" != "$$" ]; then
    CUNIK_TEST_MOUNTS=$$ exec unshare --mount "$BASH" "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"

# A user that nobody else is, not even another run of this.
USER_ID=$((1000000 + $$)) HOST=192.0.2.1 NEIGHBOUR=192.0.2.2
command -v slirp4netns >/dev/null || {
    echo "ok 1 - rootless # SKIP slirp4netns is missing"
    exit 0
}
setpriv --reuid=$USER_ID --regid=$USER_ID --clear-groups unshare --user --map-root-user --net true || {
    echo "ok 1 - rootless # SKIP users may make no namespaces here"
    exit 0
}

# The user's own copies: the build need not be anywhere that others can get to.
chmod 711 "$WORK"
mkdir -p "$WORK/bin" "$WORK/stack" "$CUNIK_ROOT/h"
cp "$BIN/cunik" "$BIN/cunikd" "$BIN/cunik-compose" "$PROBE" "$WORK/bin"
chown -R $USER_ID:$USER_ID "$CUNIK_ROOT/h"
# Homes are often mounted so, and nobody may take that back in a namespace of a user's own.
mount --bind "$CUNIK_ROOT/h" "$CUNIK_ROOT/h"
mount -o remount,bind,nosuid,nodev "$CUNIK_ROOT/h"
PROBE=$WORK/bin/probe.elf STATE=$CUNIK_ROOT/h/.local/share/cunik
cd "$WORK/stack" || exit 1

mkdir "$WORK/dev"
mount -t tmpfs none "$WORK/dev"
mknod -m 666 "$WORK/dev/tun" c 10 200
mount --bind "$WORK/dev/tun" /dev/net/tun
echo 'nameserver 127.0.0.1' >"$WORK/resolv.conf"
mount --bind "$WORK/resolv.conf" /etc/resolv.conf
# A host where Cunik is installed, for whoever is in its group.
{ cat /etc/group; grep -q ^cunik: /etc/group || echo cunik:x:765:; } >"$WORK/group"
mount --bind "$WORK/group" /etc/group
# A host on which libvirt has never run: what it wants in /run is not there.
mkdir "$WORK/run"
mount -t tmpfs -o mode=755 none "$WORK/run"
mkdir -p "$WORK/run/user/$USER_ID" "$WORK/run/lock"
echo kept >"$WORK/run/file"
ln -s lock "$WORK/run/link"
mount --bind "$WORK/run" /run

# A neighbour on a wire, and services of the host's: names, and one that is no business of guests'.
unshare --net sleep 1000 &
NEIGHBOUR_PID=$!
wait_until 10 bash -c "[ \"\$(readlink /proc/$NEIGHBOUR_PID/ns/net)\" != \"\$(readlink /proc/self/ns/net)\" ]"
there() { nsenter --net="/proc/$NEIGHBOUR_PID/ns/net" "$@"; }
ip link add wire type veth peer name wire netns "$NEIGHBOUR_PID"
ip addr add $HOST/24 dev wire
ip link set wire up
there ip addr add $NEIGHBOUR/24 dev wire
there ip link set wire up
there ip link set lo up
mkdir "$WORK/served"
echo 'from the neighbour' >"$WORK/served/index.html"
nsenter --net="/proc/$NEIGHBOUR_PID/ns/net" python3 -m http.server --directory "$WORK/served" 8000 >/dev/null 2>&1 &
SERVERS="$! $NEIGHBOUR_PID"
python3 -m http.server --directory "$WORK/served" 9000 >/dev/null 2>&1 &
SERVERS="$SERVERS $!"
dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --bind-interfaces --interface=lo \
    --pid-file= --user=root --address=/far.example/192.0.2.99 >/dev/null 2>&1 &
SERVERS="$SERVERS $!"
# The mounts go with this test; what has been started does not.
end_servers() {
    # shellcheck disable=SC2086
    kill $SERVERS
    wait 2>/dev/null
    umount -l "$CUNIK_ROOT/h"
    umount /run "$WORK/run" /etc/group /etc/resolv.conf /dev/net/tun "$WORK/dev"
}
trap 'end_servers; cleanup' EXIT
wait_until 10 answers http://$HOST:9000/ 'from the neighbour'
wait_until 10 there curl -sf --max-time 5 http://$NEIGHBOUR:8000/

# as_user COMMAND...: with nothing of root's
as_user() {
    env -i PATH="$WORK/bin:/usr/bin:/bin" HOME="$CUNIK_ROOT/h" \
        setpriv --reuid=$USER_ID --regid=$USER_ID --clear-groups --inh-caps=-all --no-new-privs "$@"
}
no_process() { ! ps -o stat= -U $USER_ID | grep -qv Z; }
engine() { cat "$STATE/cunikd.pid"; }
named() { # COMM: the user's processes of that name; the dead are PID 1's
    ps -o pid=,stat=,comm= -U $USER_ID | awk -v name="$1" '$2 !~ /^Z/ && $3 == name {print $1}'
}
guests() { named qemu-system-x86 | sort | paste -sd' '; }
has_gone() { ! kill -0 "$1" 2>/dev/null; }
# from GUEST-PORT PATH TEXT: what the guest behind a published port answers
from() { answers "http://127.0.0.1:$1/$2" "$3"; }
udp_answers() { # ADDRESS PORT WORD: an echo
    local said
    exec 3<>"/dev/udp/$1/$2"
    printf %s "$3" >&3
    IFS= read -r -t 10 -N ${#3} -u 3 said
    exec 3>&-
    equal "$said" "$3"
}
status_of() { fetch -o /dev/null -w '%{http_code}' "http://127.0.0.1:8080/get?$1"; }

stack() { # LINES under web's ports
    cat >cunik-compose.yaml <<EOF
name: r
services:
  web:
    ports: [$1]
    unikernel: {backend: unikraft, kernel: $PROBE}
  db:
    volumes: ["kept:/data"]
    unikernel: {backend: unikraft, kernel: $PROBE}
volumes: {kept: {driver_opts: {format: directory}}}
EOF
}

# What is missing is said. In a chroot the kernel lets nobody make a user namespace.
mkdir "$WORK/root"
mount --rbind / "$WORK/root"
in_chroot() { env -i PATH="$WORK/bin:/usr/bin:/bin:/usr/sbin" HOME="$CUNIK_ROOT/h" chroot --userspec=$USER_ID:$USER_ID --groups= "$WORK/root" "$@"; }
stack '"8080:80"'
cp cunik-compose.yaml "$WORK/bin"
check 'where users may make no namespaces the doctor says so' expect 1 in_chroot cunik doctor
check '… and why' out_has 'making a namespace for a user without rights'
check 'what needs no links goes' expect 0 in_chroot cunik list
check 'the rest does not' expect 1 in_chroot cunik-compose -f "$WORK/bin/cunik-compose.yaml" up -d
check '… and says why' err_has 'the engine may not make network links'
kill "$(engine)"
wait_until 30 no_process
umount -l "$WORK/root"
mount --bind /dev/null "$(command -v slirp4netns)"
check 'without slirp4netns the doctor says so' expect 1 as_user cunik doctor
check '… and what to do' out_has 'install slirp4netns'
check 'up too' expect 1 as_user cunik-compose up -d
check '… with the reason' err_has 'there is no slirp4netns'
check 'which can be taken down' expect 0 as_user cunik-compose down
umount "$(command -v slirp4netns)"

check 'the doctor finds nothing missing' as_user bash -c '
    cunik doctor --format json | jq -e ".checks | map(select(.status == \"problem\")) == []" >/dev/null'
check 'and says that links are made in a namespace' as_user bash -c '
    cunik doctor --format json | jq -e ".checks[] | select(.check == \"rights\") | .found | test(\"namespace of this user\")" \
        >/dev/null'

# What the host refuses is found before any guest starts.
refused() { # PORTS TEXT
    stack "$1"
    expect 1 as_user cunik-compose up -d && err_has "$2" && [ -z "$(guests)" ]
}
check 'a port below the first for users' refused '"80:80"' 'this user may publish from 1024 on'
check 'an address of another machine' refused '"192.0.2.77:8080:80"' 'is no address of this host'
check 'a port that the host uses' refused '"9000:80"' 'port 0.0.0.0:9000/tcp is in use on the host'

# What libvirt remembers of QEMU: asked anew, which takes seconds at every start of a guest, it would be another file.
capabilities() { stat -c '%i %y' "$STATE"/libvirt/cache/qemu/capabilities/*.xml; }
stack "\"8080:80\", \"$HOST:8081:80\", \"127.0.0.1:8082:80\", \"8083:7/udp\""
asked=$(capabilities)
check 'up' expect 0 as_user cunik-compose up -d --wait
check 'libvirt has not asked QEMU again what it can' same "$(capabilities)" "$asked"
check 'nobody else gets at its sockets' equal "$(stat -c %a "$STATE"/*.sock | sort -u)" '600
700'
check 'ps shows the port' expect 0 as_user cunik-compose ps && check 'of the host' out_has '0.0.0.0:8080->80/tcp'
check 'port' expect 0 as_user cunik-compose port web 80 && check 'names it' out_has '8080'
check 'logs' expect 0 as_user cunik-compose logs web && check 'are the guests own' out_has 'probe: ready'
check 'a published port at 127.0.0.1' from 8080 '' 'hello from r-web-1'
check 'at an address of the host' answers http://$HOST:8080/ 'hello from r-web-1'
check 'from a neighbour' equal "$(there curl -s --max-time 10 http://$HOST:8080/)" 'hello from r-web-1'
check 'published at one address' answers http://$HOST:8081/ 'hello from r-web-1'
check 'and at no other' not fetch http://127.0.0.1:8081/
check 'published at 127.0.0.1' from 8082 '' 'hello from r-web-1'
check 'not for a neighbour' not there curl -s --max-time 5 http://$HOST:8082/
check 'UDP' udp_answers 127.0.0.1 8083 ping
check '… at an address' udp_answers $HOST 8083 pong
check '… from a neighbour' there bash -c "$(declare -f udp_answers equal); udp_answers $HOST 8083 peng"
check 'names of guests' from 8080 'get?http://db/' 'hello from r-db-1'
check 'names of the world' bash -c "curl -s --max-time 10 'http://127.0.0.1:8080/resolve?far.example' | grep -qx 192.0.2.99"
check 'the world' from 8080 "get?http://$NEIGHBOUR:8000/" 'from the neighbour'
check "the host's services are not for guests" equal "$(status_of "http://$HOST:9000/")" 502
check 'nor what is at its 127.0.0.1' equal "$(status_of "http://10.0.2.2:9000/")" 502
check 'its published ports are' from 8080 "get?http://$HOST:8080/" 'hello from r-web-1'
check 'nothing of it is in the host itself' equal "$(ip -o link show | grep -cE '^[0-9]+: (ck|slirp)')" 0

check "what the host has in /run the engine has too" equal \
    "$(nsenter -t "$(engine)" -m sh -c 'cat /run/file; readlink /run/link; ls -I mount /run; ls /run/user' | paste -sd' ')" \
    "kept lock file libvirt link lock user $USER_ID"

before=$(guests)
mkdir /run/libvirt
kill -9 "$(engine)"
check 'ps after the death of the engine' expect 0 as_user cunik-compose ps && check 'finds both guests' same "$(guests)" "$before"
check 'with their ports' from 8080 '' 'hello from r-web-1'
check 'up has nothing to do' expect 0 as_user cunik-compose up -d --wait && check 'with them' same "$(guests)" "$before"

kill -9 $(named slirp4netns)
check 'slirp4netns comes back' wait_until 30 from 8080 '' 'hello from r-web-1'

old=$(engine)
kill -9 "$(named cunik-outside)"
check 'without its process outside the engine leaves' wait_until 30 has_gone "$old"
check 'the next command goes on' expect 0 as_user cunik-compose up -d --wait
check 'in the same namespaces' same "$(guests)" "$before"
check 'with the ports' from 8080 '' 'hello from r-web-1'
check 'and names' from 8080 'get?http://db/' 'hello from r-db-1'

stack '"8084:80"'
check 'another port' expect 0 as_user cunik-compose up -d --wait
check 'is published' from 8084 '' 'hello from r-web-1'
check 'in place of the first' not fetch http://127.0.0.1:8080/

check 'down' expect 0 as_user cunik-compose down -v
check 'ends slirp4netns' equal "$(named slirp4netns)" ''
check 'leaves no guest and no name server' equal "$(named qemu-system-x86; named dnsmasq)" ''
kill -9 "$(engine)"
check 'killed, the engine leaves no process either' wait_until 30 no_process
check 'another one starts anew' expect 0 as_user cunik list
kill "$(engine)"
check 'and the engine leaves no process' wait_until 30 no_process
check 'and no file of theirs' equal \
    "$(find "$STATE" -name '*.sock' -o -path "$STATE/slirp*" -o -path '*/networks/*' -o -path '*/names/*' -o -path '*/stacks/*' -o -path '*/volumes/[!.]*')" ''
plan_tests_done
