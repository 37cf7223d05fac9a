#!/bin/bash
# What bad input gets: a clear message that names the thing and the place, the right exit status, and
# nothing started or left behind.
. "$(dirname "$0")/lib.sh"

cd "$WORK" || exit 1

# wrong NAME STATUS TEXT... : runs `cunik-compose up -d` on the file $WORK/NAME.yaml (standard input).
wrong() {
    local name=$1 status=$2 text
    shift 2
    cat >"$WORK/$name.yaml"
    check "$name: status $status" expect "$status" cunik-compose -f "$name.yaml" -p bad up -d
    for text in "$@"; do
        check "$name: says '$text'" err_has "$text"
    done
    check "$name: nothing is left" nothing_left
}

service() { # NAME [LINE...]: a service with the probe guest
    printf '  %s:\n    unikernel: {backend: unikraft, kernel: %s}\n' "$1" "$PROBE"
    shift
    [ $# = 0 ] || printf '    %s\n' "$@"
}

wrong no-yaml 2 'no-yaml.yaml:2:' <<'EOF'
services:
	web: tabs are no YAML
EOF
wrong not-a-mapping 2 'not-a-mapping.yaml:1:1' <<<'- just a list'
wrong empty 2 'empty.yaml' </dev/null

check 'missing file: status 2' expect 2 cunik-compose -f absent.yaml up -d
check 'missing file: is named' err_has 'absent.yaml'
mkdir -p folder.yaml
check 'directory: status 2' expect 2 cunik-compose -f folder.yaml up -d
check 'directory: says so' err_has 'is a directory'
truncate -s 1T huge.yaml # nobody reads all of it within the time
check 'a file of 1 TB: status 2, at once' expect 2 timeout 30 cunik-compose -f huge.yaml up -d
check 'a file of 1 TB: says so' err_has 'huge.yaml'
rm -f huge.yaml
mkdir -p nothing-here
check 'no file at all: status 2' bash -c "cd nothing-here && cunik-compose up -d 2>'$ERR'; [ \$? = 2 ]"
check 'no file at all: says which were looked for' err_has 'cunik-compose.yaml'

wrong unknown-key 2 'unknown-key.yaml:4:5' 'imgae' 'image' <<EOF
services:
  web:
    unikernel: {kernel: $PROBE}
    imgae: nginx
EOF
{
    echo 'services:'
    service a 'depends_on: [b]'
    service b 'depends_on: [c]'
    service c 'depends_on: [a]'
} >cycle.in
wrong cycle 2 'dependency cycle detected: a -> b -> c -> a' <cycle.in
{
    echo 'services:'
    service a 'depends_on: [nobody]'
} >unknown.in
wrong unknown-dependency 2 'unknown-dependency.yaml:4:' 'service "a" depends on undefined service "nobody"' \
    <unknown.in
{
    echo 'services:'
    service a 'networks: {n: {ipv4_address: 10.99.0.5}}'
    service b 'networks: {n: {ipv4_address: 10.99.0.5}}'
    echo 'networks: {n: {ipam: {config: [{subnet: 10.99.0.0/24}]}}}'
} >same.in
wrong same-address 2 '10.99.0.5' <same.in
wrong several-mistakes 2 'several-mistakes.yaml:3:5' 'several-mistakes.yaml:4:' 'several-mistakes.yaml:6:' <<EOF
services:
  web:
    prots: ["80:80"]
    scale: many
  db:
    depends_on: [nobody]
    unikernel: {kernel: $PROBE}
EOF
wrong no-kernel 2 'unikernel.kernel' 'web' <<'EOF'
services:
  web:
    hostname: nothing
EOF
wrong missing-kernel 2 "service 'a': unikernel.kernel" '/does/not/exist' <<'EOF'
services:
  a:
    unikernel: {backend: unikraft, kernel: /does/not/exist}
EOF
echo '#!/bin/sh' >script
wrong text-kernel 2 'script' <<'EOF'
services:
  a:
    unikernel: {kernel: ./script}
EOF
wrong unknown-backend 2 "service 'a': unikernel.backend" 'unikraff' 'unikraft' <<EOF
services:
  a:
    unikernel: {backend: unikraff, kernel: $PROBE}
EOF
wrong bad-healthcheck 2 'bad-healthcheck.yaml:5:' <<EOF
services:
  a:
    unikernel: {backend: unikraft, kernel: $PROBE}
    healthcheck:
      test: ["TCP", "99999"]
EOF

# What depends on the host.
ip link add other0 type bridge && ip addr add 10.77.0.1/16 dev other0 && ip link set other0 up
{
    echo 'services:'
    service a
    echo 'networks: {default: {ipam: {config: [{subnet: 10.77.3.0/24}]}}}'
} >overlap.yaml
check 'a subnet that overlaps a route: status 1' expect 1 cunik-compose -f overlap.yaml -p bad up -d
check 'a subnet that overlaps a route: names it' err_has '10.77.3.0/24'
check 'a subnet that overlaps a route: and the route' err_has '10.77.0.0/16'
ip link del other0
check 'a subnet that overlaps a route: nothing is left' nothing_left

# A bridge's name that another's link has: nothing is done to that, and `down` still leads back.
ip link add other0 type bridge
{
    echo 'services:'
    service a
    echo 'networks: {default: {driver_opts: {com.docker.network.bridge.name: other0}}}'
} >foreign.yaml
check "another's bridge: status 1" expect 1 cunik-compose -f foreign.yaml -p bad up -d
check "another's bridge: is named" err_has "there is a link 'other0' already"
check "another's bridge: no undoing that failed" equal "$(grep -c undoing "$ERR")" 0
check "another's bridge: down" expect 0 cunik-compose -f foreign.yaml -p bad down
check "another's bridge: is still there" run ip link show other0
ip link del other0
check "another's bridge: nothing is left" nothing_left

mkdir -p www
python3 -m http.server --bind 127.0.0.1 --directory www 18080 >/dev/null 2>&1 &
server=$!
wait_until 10 fetch http://127.0.0.1:18080/
{
    echo 'services:'
    service a 'ports: ["127.0.0.1:18080:80"]'
} >taken.yaml
check 'a taken port: status 1' expect 1 cunik-compose -f taken.yaml -p bad up -d
check 'a taken port: is named' err_has '18080'
kill $server
check 'a taken port: nothing is left' nothing_left

{
    echo 'services:'
    service a
} >fine.yaml

# What a user names for output and is no file stays what it is.
ln -s /dev/full full
for output in 'plan --out' 'config -o'; do
    # shellcheck disable=SC2086 # two words
    check "$output, a full device: status 1" expect 1 cunik-compose -f fine.yaml -p bad $output full
    check "$output, a full device: says so" err_has 'No space left'
    check "$output, a full device: is still a link to it" test -L full -a -c full
done

# What cannot be changed so stays as it was.
check 'update: a cunik to change' expect 0 cunik run -d --name changed --backend unikraft --kernel "$PROBE"
check 'update, more memory than there is: status 2' expect 2 cunik update -m 100t changed
check 'update, more memory than there is: the cunik still runs' \
    equal "$(cunik inspect changed | jq -r '.[0].status.state')" running
run cunik rm -f changed

# A name that is longer than a label of DNS.
long=$(printf 'a%.0s' {1..64})
check 'a stack with a name of 64 characters' expect 0 cunik-compose -f fine.yaml -p "$long" up -d
check 'a stack with a name of 64 characters: down' expect 0 cunik-compose -f fine.yaml -p "$long" down
check 'nothing is left of these' nothing_left

# The answer that nobody gives is no.
check 'volume prune without an answer: is cancelled' expect 130 cunik volume prune </dev/null
check 'a volume of no size: status 2' expect 2 cunik volume create --size 0 nothing

# elsewhere COMMAND...: runs cunik-compose with an engine of its own; its status and errors are kept.
elsewhere() {
    local root
    root=$(mktemp -d /tmp/ckXXXXXX)
    chmod 777 "$root"
    CUNIK_ROOT=$root "$@" >"$OUT" 2>"$ERR"
    STATUS=$?
    [ ! -s "$root/cunikd.pid" ] || kill "$(cat "$root/cunikd.pid")" 2>/dev/null
    rm -rf "$root"
    return 0
}
hidden() { # FILE COMMAND...: the command does not see the file
    local file=$1
    shift
    unshare --mount sh -c 'mount --make-rprivate / && mount --bind /dev/null "$0" && exec "$@"' "$file" "$@"
}
chmod 755 "$WORK"
elsewhere setpriv --reuid=65534 --regid=65534 --clear-groups cunik-compose -f fine.yaml -p bad up -d
check 'not root: status 1' test $STATUS = 1
check 'not root: says so' grep -qiE 'root|permi' "$ERR"
elsewhere hidden /usr/bin/qemu-system-x86_64 cunik-compose -f fine.yaml -p bad up -d
check 'no QEMU: status 1' test $STATUS = 1
check 'no QEMU: is named' err_has 'qemu-system-x86_64'
elsewhere hidden /dev/net/tun cunik-compose -f fine.yaml -p bad up -d
check 'no /dev/net/tun: status 1' test $STATUS = 1
check 'no /dev/net/tun: is named' err_has '/dev/net/tun'
check 'no /dev/net/tun: with whom to ask' err_has '(cunik doctor says what to do)'
elsewhere hidden /usr/sbin/dnsmasq cunik-compose -f fine.yaml -p bad up -d
check 'no dnsmasq: status 1' test $STATUS = 1
check 'no dnsmasq: is named' err_has 'dnsmasq'
check 'nothing is left of all that' nothing_left

# What a newcomer brings along.
wrong disk-for-unikraft 2 "the volume 'bad_data' is a disk, and Unikraft mounts no disks: give it 'driver_opts: {format: directory}'" <<EOF
services:
$(service a 'volumes: [data:/data]')
volumes: {data: {}}
EOF
mkdir "$WORK/docker" && echo 'FROM scratch' >"$WORK/docker/Dockerfile"
wrong dockerfile 1 'docker/Cunikfile' "the Dockerfile there makes a container, not a guest: see IMAGES in cunik-stack(5)" <<'EOF'
services: {a: {build: ./docker}}
EOF

# The command line.
check 'unknown command: status 2' expect 2 cunik-compose upp
check 'unknown command: nearest' err_has "did you mean 'up'"
check 'unknown option: status 2' expect 2 cunik-compose up --wiat
check 'unknown option: nearest' err_has "did you mean '--wait'"
check 'unknown service: status 2' expect 2 cunik-compose -f fine.yaml up -d b
check 'unknown service: is named' err_has 'no such service: b'
check 'bad scale: status 2' expect 2 cunik-compose -f fine.yaml up -d --scale a=x
check 'every error is 1 with --detailed-exitcode' expect 1 cunik-compose -f absent.yaml plan --detailed-exitcode
check 'help is no error' expect 0 cunik-compose up --help

plan_tests_done
