#!/bin/bash
# Boots the guests of examples/guestbook and a guest of its own in plain QEMU and talks to them, to see that init and
# pack do what they say without any engine. Takes root (it makes a network namespace of its own), qemu-system-x86,
# dnsmasq-base, curl, e2fsprogs and the files of `make guests-guestbook`.
#
#   guests/linux/selftest.sh [KERNEL]       (build/guests/linux/vmlinux)
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

# First with the network of the host, for apt: busybox with our init, packed twice.
if [[ -z ${SELFTEST_DIR:-} ]]; then
    SELFTEST_DIR=$(mktemp -d)
    trap 'rm -rf "$SELFTEST_DIR"' EXIT
    for name in probe again; do
        guests/linux/pack --out "$SELFTEST_DIR/$name.cpio" --package busybox-static --take /bin/busybox \
            --env 'DEFAULT=from the image' -- /bin/busybox sh -c 'echo "default command, $DEFAULT"'
    done
    SELFTEST_DIR=$SELFTEST_DIR unshare -n "$0" "$@"
    exit
fi

kernel=${1:-build/guests/linux/vmlinux}
boot_limit=60 # seconds
passed=0 failed=0
tmp=$SELFTEST_DIR
declare -A pid=() button=() started=()

cleanup() {
    local name

    for name in "${!pid[@]}"; do
        kill "${pid[$name]}" 2>/dev/null || true
    done
    wait
}
trap cleanup EXIT

check() { # check DESCRIPTION COMMAND...
    local description=$1

    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "ok     $description"
    else
        failed=$((failed + 1))
        echo "FAILED $description"
    fi
}

# Waits until COMMAND succeeds, for at most LIMIT seconds.
wait_until() { # wait_until LIMIT COMMAND...
    local deadline=$((${EPOCHREALTIME/./} + $1 * 1000000))

    shift
    until "$@" 2>/dev/null; do
        ((${EPOCHREALTIME/./} < deadline)) || return 1
        sleep 0.01
    done
}

seconds_since() {
    local us=$((${EPOCHREALTIME/./} - $1))
    printf '%d.%02d' $((us / 1000000)) $((us % 1000000 / 10000))
}

# Every byte that is not unreserved (RFC 3986) as %XX.
encode() {
    local LC_ALL=C text=$1 out='' i byte

    for ((i = 0; i < ${#text}; i++)); do
        case ${text:i:1} in
        [A-Za-z0-9._~-]) out+=${text:i:1} ;;
        *)
            printf -v byte %d "'${text:i:1}" # negative over 127
            printf -v byte %%%02X $((byte & 255))
            out+=$byte
            ;;
        esac
    done
    echo "$out"
}

hex() {
    od -An -v -t x1 | tr -d ' \n'
}

# Starts a guest with one network card; its console goes to $tmp/NAME.log.
boot() { # boot NAME TAP CMDLINE [QEMU ARGUMENT...]
    local name=$1 tap=$2 cmdline=$3 initrd=build/guests/$1.cpio fd

    shift 3
    [[ -e $initrd ]] || initrd=$tmp/probe.cpio
    mkfifo "$tmp/$name.in" "$tmp/$name.out"
    # Both ends open, so that QEMU does not wait for us, nor we for it.
    exec {fd}<>"$tmp/$name.in"
    button[$name]=$fd
    exec {fd}<>"$tmp/$name.out"
    started[$name]=${EPOCHREALTIME/./}
    qemu-system-x86_64 -accel tcg -machine q35 -cpu max -m 128 -nodefaults -no-reboot -display none \
        -kernel "$kernel" -initrd "$initrd" -serial "file:$tmp/$name.log" \
        -chardev "pipe,id=qmp,path=$tmp/$name" -mon chardev=qmp,mode=control \
        -netdev "tap,id=n0,ifname=$tap,script=no,downscript=no" \
        -device "virtio-net-pci,netdev=n0,mac=52:54:00:00:00:0${tap#tap},romfile=" "$@" \
        -append "console=ttyS0 quiet panic=-1 tsc=reliable no_timer_check cryptomgr.notests=1 $cmdline" &
    pid[$name]=$!
}

press_power_button() {
    echo '{"execute":"qmp_capabilities"}{"execute":"system_powerdown"}' >&"${button[$1]}"
}

is_gone() {
    ! kill -0 "${pid[$1]}" 2>/dev/null
}

# Waits for the guest to turn itself off; its QEMU ends with status 0 then.
wait_for_end() {
    wait_until "$boot_limit" is_gone "$1" && wait "${pid[$1]}"
    local status=$?
    unset "pid[$1]"
    return "$status"
}

says() { # says NAME LINE: a whole line of the console
    tr -d '\r' <"$tmp/$1.log" | grep -qxF -- "$2"
}

get() {
    curl -s -f --noproxy '*' --connect-timeout 0.5 --max-time 10 "$@"
}

# Given up soon: a connection begun while nobody was there is retried by the host only after a second, then three.
redis_answers() {
    [[ $(timeout 0.5 bash -c 'exec 3<>/dev/tcp/10.9.0.12/6379 && echo PING >&3 && head -c 5 <&3') == +PONG ]]
}

setup_network() {
    local i

    ip link set lo up
    ip link add br0 type bridge
    ip addr add 10.9.0.1/24 dev br0
    ip link set br0 up
    for i in 0 1 2 3 4; do
        ip tuntap add "tap$i" mode tap
        ip link set "tap$i" master br0 up
    done
    printf '10.9.0.10 web\n10.9.0.11 app\n10.9.0.12 redis\n' >"$tmp/hosts"
    dnsmasq --conf-file=/dev/null --no-resolv --no-hosts --addn-hosts="$tmp/hosts" --user=root --pid-file= \
        --bind-interfaces --interface=br0 --except-interface=lo --keep-in-foreground &
    pid[dnsmasq]=$!
}

test_guestbook() {
    local net=10.9.0.1:255.255.255.0 page

    boot redis tap2 "ip=10.9.0.12::${net}:redis:eth0:off:10.9.0.1 env=TZ=UTC"
    check "redis answers" wait_until "$boot_limit" redis_answers
    echo "       after $(seconds_since "${started[redis]}") s"
    boot app tap1 "ip=10.9.0.11::${net}:app:eth0:off:10.9.0.1 env=TITLE=$(encode 'Visitors & guests')"
    check "app is healthy, so it reaches redis by its name" \
        wait_until "$boot_limit" get -o "$tmp/health" http://10.9.0.11:8080/health
    echo "       after $(seconds_since "${started[app]}") s"
    boot web tap0 "ip=10.9.0.10::${net}:web:eth0:off:10.9.0.1"
    check "the page comes through nginx" wait_until "$boot_limit" get -o "$tmp/page" http://10.9.0.10/
    echo "       after $(seconds_since "${started[web]}") s"

    check "the page has the title of the environment" grep -qF '<h1>Visitors &amp; guests</h1>' "$tmp/page"
    check "the page has no entry yet" grep -qF '0 entries' "$tmp/page"
    check "signing leads back to the page" \
        test "$(get -o /dev/null -w '%{http_code} %{redirect_url}' http://10.9.0.10/sign \
            --data-urlencode 'name=Zoë <b>' --data-urlencode 'message=50 % & "more"')" = '303 http://10.9.0.10/'
    page=$(get http://10.9.0.10/ || true)
    check "the entry is on the page" grep -qF '<b>Zoë &lt;b&gt;</b>' <<<"$page"
    check "with its message" grep -qF '50 % &amp; &quot;more&quot;' <<<"$page"
    check "an empty entry is refused" \
        test "$(curl -s --noproxy '*' -o /dev/null -w '%{http_code}' -d name= http://10.9.0.10/sign)" = 422

    press_power_button redis
    check "redis turns itself off at the power button" wait_for_end redis
    check "redis ended well" says redis 'init: redis-server exited with status 0'
    check "without redis the app is not healthy" \
        test "$(curl -s --noproxy '*' -o /dev/null -w '%{http_code}' http://10.9.0.11:8080/health)" = 503
    press_power_button app
    press_power_button web
    check "app turns itself off" wait_for_end app
    check "its end is on the console" says app 'init: lua5.4 killed by signal 15'
    check "web turns itself off" wait_for_end web
    check "nginx ended well" says web 'init: nginx exited with status 0'
}

# Awkward values as arguments and environment, two interfaces, a disk; the guest says what it got.
test_settings() {
    local values=('two words' "it's" '"quoted"' '100 %' 'a=b:c,d;e' 'žluťoučký 🐎' $'line\nbreak\ttab' '' '%41' '--' '\')
    local cmdline value script status=0

    script='for v in "$@" "$ODD"; do printf %s "$v" | hexdump -ve "1/1 \"%02x\""; echo .; done
        echo "$DEFAULT"; echo "$PATH"; hostname; cat /etc/hosts /etc/resolv.conf
        cat /sys/class/net/eth0/mtu; ip -o -4 addr show; ip route; cat /proc/mounts
        echo kept >"/data/a file"; sync; echo no >/again/x; exit 3'
    cmdline="arg=/bin/busybox arg=sh arg=-c arg=$(encode "$script") arg=sh"
    for value in "${values[@]}"; do
        cmdline+=" arg=$(encode "$value")"
    done
    cmdline+=" env=ODD=first env=$(encode "ODD=${values[*]}")"
    cmdline+=" mtu=eth0:1400 hostname=the-probe search=stack.internal search=example mount=/dev/vda:$(encode /data):ext4:rw"
    cmdline+=" mount=/dev/vdb:$(encode '/again/with:blank and more'):ext4:ro"
    cmdline+=" ip=10.9.0.13::10.9.0.1:24:other:eth0:off:10.9.0.1:10.9.0.2 ip=192.168.7.5:::255.255.0.0::eth1"
    cmdline+=" mount=tmpfs:/data/mem/deep:tmpfs:ro:mode=0700 mount=tmpfs:$(encode /data/mem):tmpfs:rw:size=65536,mode=1770,uid=3"
    check "the command line fits into the kernel's 2047 bytes" test ${#cmdline} -lt 1950

    truncate -s 8M "$tmp/data.img" "$tmp/again.img"
    /sbin/mke2fs -q -t ext4 "$tmp/data.img"
    /sbin/mke2fs -q -t ext4 "$tmp/again.img"
    boot probe tap3 "$cmdline" -netdev tap,id=n1,ifname=tap4,script=no,downscript=no \
        -device virtio-net-pci,netdev=n1,mac=52:54:00:00:00:14,romfile= \
        -drive "file=$tmp/data.img,format=raw,if=virtio" -drive "file=$tmp/again.img,format=raw,if=virtio"
    wait_for_end probe || status=$?
    check "a guest whose program ends turns itself off" test "$status" -eq 0
    check "exit status on the console" says probe 'init: busybox exited with status 3'
    for value in "${values[@]}"; do
        check "argument '${value//$'\n'/\\n}'" says probe "$(printf %s "$value" | hex)."
    done
    check "environment, the last one counts" says probe "$(printf %s "${values[*]}" | hex)."
    check "environment of the image" says probe 'from the image'
    check "PATH" says probe '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
    check "host name" says probe 'the-probe'
    check "hosts" says probe '10.9.0.13 the-probe'
    check "name servers" eval "says probe 'nameserver 10.9.0.1' && says probe 'nameserver 10.9.0.2'"
    check "search domains" says probe 'search stack.internal example'
    check "MTU" says probe 1400
    check "first address" grep -qE 'eth0 +inet 10.9.0.13/24 brd 10.9.0.255' "$tmp/probe.log"
    check "second address" grep -qE 'eth1 +inet 192.168.7.5/16 ' "$tmp/probe.log"
    check "default route" grep -qE '^default via 10.9.0.1 dev eth0' "$tmp/probe.log"
    check "disk" grep -qE '^/dev/vda /data ext4 rw' "$tmp/probe.log"
    check "disk at an odd place, read-only" \
        grep -qE '^/dev/vdb /again/with:blank\\040and\\040more ext4 ro' "$tmp/probe.log"
    check "a file system of memory, with size, mode and owner" \
        grep -qE '^tmpfs /data/mem tmpfs rw,nosuid,nodev,.*size=64k,mode=1770,uid=3' "$tmp/probe.log"
    check "another within it, named before, is mounted after it" \
        grep -qE '^tmpfs /data/mem/deep tmpfs ro,nosuid,nodev,.*mode=700' "$tmp/probe.log"
    check "what was written is on the disk" \
        test "$(/sbin/debugfs -R 'cat "/a file"' "$tmp/data.img" 2>/dev/null)" = kept
    check "the disk was left clean" grep -q 'Filesystem state: *clean$' <(/sbin/dumpe2fs -h "$tmp/data.img" 2>&1)
    check "and needs no recovery" eval "! /sbin/dumpe2fs -h '$tmp/data.img' 2>&1 | grep -q needs_recovery"
}

quiet_off() { ! grep -qF 'reboot:' "$tmp/$1.log"; }

# What stops a guest before or in its program: the line on the console, and that the machine goes off.
test_ends() {
    local network='ip=10.9.0.13::10.9.0.1:24::eth0:off' i=0 line cmdline

    while IFS='|' read -r line cmdline; do
        i=$((i + 1))
        boot "end$i" tap3 "$cmdline"
        check "turns itself off: $line" wait_for_end "end$i"
        check "and says so" says "end$i" "$line"
        check "and the kernel says nothing after it" quiet_off "end$i"
    done <<END
default command, from the image|$network
init: busybox killed by signal 9|$network arg=/bin/busybox arg=sh arg=-c arg=$(encode 'kill -9 $$')
init: cannot run '/no/such': No such file or directory; exited with status 127|$network arg=/no/such
init: cannot run 'no such': No such file or directory; exited with status 127|$network arg=$(encode $'no\nsuch')
init: cannot run '/etc/cunik/command': Permission denied; exited with status 126|$network arg=/etc/cunik/command
init: command line: env=: bad percent-encoding at '%4'; exited with status 125|$network env=A=%4
init: command line: ip=: address '10.9.0' is not an IPv4 address; exited with status 125|ip=10.9.0::10.9.0.1:24
init: interface eth7: setting the address: No such device; exited with status 125|ip=10.9.0.13:::24::eth7
init: mounting /data: this guest has no driver for filesystem 'isofs'; exited with status 125|$network mount=/dev/vda:/data:isofs:ro
END
}

pack_own() { guests/linux/pack --out "$tmp/own.cpio" --file "$tmp/own:/srv" -- /srv/link 2>"$tmp/pack.err"; }
refuses_own() { ! pack_own && grep -q "the symbolic link 'out' leads out of the folder" "$tmp/pack.err"; }

test_pack() {
    check "pack --help prints the usage" grep -qxF '  --take PATH      a file or folder of those packages that goes into the guest, with the shared libraries that the' \
        <(guests/linux/pack --help)
    check "pack --help succeeds" eval "guests/linux/pack --help >'$tmp/help'"
    check "and prints nothing of the script" eval "! grep -q 'set -' '$tmp/help'"
    check "the same input packs to the same bytes" cmp "$tmp/probe.cpio" "$tmp/again.cpio"
    mkdir -p "$tmp/own/sub"
    echo text >"$tmp/own/sub/file"
    ln -s sub/file "$tmp/own/link"
    check "a folder with a link in it is packed" pack_own
    check "the link as it is" grep -q 'srv/link -> sub/file$' <(cpio -itv --quiet <"$tmp/own.cpio")
    for place in /etc/passwd ../own.cpio sub/../../again.cpio ..; do
        ln -sfn "$place" "$tmp/own/out"
        check "a link that leads to $place is refused" refuses_own
    done
}

setup_network
test_guestbook
test_pack
test_settings
test_ends
echo "$passed passed, $failed failed"
((failed == 0))
