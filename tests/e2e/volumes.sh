#!/bin/bash
# What guests keep: redis writes to a volume and finds it again, whatever becomes of the guest, its stack, the engine or
# its QEMU; configs, secrets, files and folders of the host; who may write.
. "$(dirname "$0")/lib.sh"

mkdir -p "$WORK/stack/site" "$WORK/stack/shared"
cd "$WORK/stack" || exit 1
echo 'a page' >site/index.html
echo 'one file' >motd
export PW='correct horse' SIZE=64M
cat >compose.yaml <<END
name: keep
services:
  redis:
    unikernel:
      backend: linux
      kernel: $ROOT_DIR/build/guests/linux/vmlinux
      initrd: $ROOT_DIR/build/guests/redis.cpio
    command: [redis-server, /etc/keep.conf, --maxclients, "\${MAXCLIENTS:-100}"]
    mem_limit: 128m
    ports: ["127.0.0.1:6379:6379"]
    volumes:
      - data:/data
      - ./shared:/shared
      - ./site:/site:ro
      - ./motd:/etc/motd:ro
    configs: [{source: conf, target: /etc/keep.conf}]
    secrets: [{source: pw, mode: 0400}]
    healthcheck: {test: ["TCP", "6379"], interval: 1s, start_period: 120s, start_interval: 50ms}
configs:
  conf:
    content: |
      dir /data
      save ""
      appendonly yes
      appendfsync always
      protected-mode no
      enable-protected-configs yes
      include /run/secrets/pw
secrets:
  pw: {file: pw}
volumes:
  data:
    driver_opts: {size: "\$SIZE"}
END
printf 'requirepass "%s"\n' "$PW" >pw

# ask COMMAND...: redis's answers to commands, after the password.
ask() {
    local reply
    exec 3<>/dev/tcp/127.0.0.1/6379 || return 1
    printf 'AUTH "%s"\r\n' "$PW" >&3
    printf '%s\r\n' "$@" QUIT >&3
    reply=$(timeout 10 cat <&3 | tr -d '\r')
    exec 3>&-
    sed '1d;$d' <<<"$reply"
}
said() {
    local wanted=$1
    shift
    ask "$@" >"$OUT" 2>"$ERR"
    [ "$(cat "$OUT")" = "$wanted" ]
}
up() { expect 0 cunik-compose up -d --wait --wait-timeout 120 "$@"; }
greeted() { said $'$5\nhello' 'GET greeting'; }
keeps() { wait_until 30 greeted; } # it answers before it has read its files

qemu() { engine_pids | while read -r p; do grep -q qemu "/proc/$p/comm" && echo "$p"; done; }
image_of() { cunik volume inspect keep_data | jq -r '.[0].path'; }

check 'plan has the volume' expect 0 cunik-compose plan
check '… that is to be made' out_has '+ create volume keep_data: it does not exist'
check '… and makes none' equal "$(cunik volume ls -q)" ''
check 'up makes the volume' up
check '… as a step of its own' err_has ' Volume keep_data  Created'
check '… once' bash -c "cunik-compose plan | grep -qx 'Nothing to do.'"
check '… with the size that the file gives' equal "$(stat -c %s "$(image_of)")" 67108864
check '… that knows its user' equal "$(cunik volume inspect keep_data | jq -r '.[0].used_by[0]')" keep-redis-1
check 'redis writes' said '+OK' 'SET greeting hello'
check 'the secret is on no command line' not grep -rqsF "$PW" /proc/[0-9]*/cmdline "$CUNIK_ROOT/etc" "$CUNIK_ROOT/stacks"
check '… and for root and the guest alone' equal "$(find "$CUNIK_ROOT/images/keep-redis-1" "$CUNIK_ROOT/files" -name '*files' -perm /077 -type f)" ''
post() { curl -sS --max-time 20 -o /dev/null -f --unix-socket "$CUNIK_ROOT/cunikd.sock" --data-binary "$1" http://cunik/v1/files; }
files() { find "$CUNIK_ROOT/files" -type f | wc -l; }
before=$(files)
check 'files that nobody has are kept for an hour' post one
find "$CUNIK_ROOT/files" -type f -exec touch -d '2 hours ago' {} +
check '… and no longer' post two
check '… but for those of cuniks' equal "$(files)" $((before + 1))
check 'without the password nothing is to be had' bash -c 'exec 3<>/dev/tcp/127.0.0.1/6379; printf "GET greeting\r\nQUIT\r\n" >&3; timeout 10 cat <&3 | grep -q NOAUTH'
check 'the configuration is where the file says' said $'*2\n$3\ndir\n$5\n/data' 'CONFIG GET dir'
check 'the guest writes to a folder of the host' said $'+OK\n+OK\n+OK' 'CONFIG SET dir /shared' SAVE 'CONFIG SET dir /data'
check '… and it is there' test -s shared/dump.rdb
check 'a read-only folder is there' said $'+OK\n-ERR' 'CONFIG SET dir /site' SAVE
check '… as it was and stays' equal "$(ls site)" index.html
check 'a file of the host is there' bash -c "grep -q 'Not a directory' <<<\"\$1\"" - "$(ask 'CONFIG SET dir /etc/motd' 'CONFIG SET dir /data')"
check 'a volume in use is not removed' expect 1 cunik volume rm keep_data
check '… and says by whom' err_has "the volume 'keep_data' is used by keep-redis-1"
check 'nor copied' expect 1 cunik volume export keep_data "$WORK/copy"

check 'another service with that disk is refused' expect 1 bash -c 'sed "s/redis:$/second:/; s/127.0.0.1:6379:/127.0.0.1:6380:/" compose.yaml >two.yaml; cunik-compose -f compose.yaml -f two.yaml up -d'
check '… with the reason' err_has "the volume 'keep_data' is a disk, and"
check '… and another stack too' bash -c 'sed "s/^name: keep/name: other/; s/^  data:/  data:\n    name: keep_data/; s/127.0.0.1:6379:/127.0.0.1:6380:/" compose.yaml >other.yaml; cunik-compose -f other.yaml up -d 2>'"$ERR"'; test $? = 1'
check '… which leaves the first as it is' keeps

MAXCLIENTS=90 check 'recreate' up
check '… keeps what was written' keeps
# shellcheck disable=SC2046
kill -9 $(qemu)
check 'QEMU killed' wait_until 30 is keep-redis-1 exited
check '… up again' up
check '… keeps it' keeps
# shellcheck disable=SC2046
kill -9 $(engine_pids)
wait_until 10 no_engine_left
check 'everything killed, up again' up
check '… keeps it' keeps
check 'down keeps the volume' expect 0 cunik-compose down
check '… and nothing else' nothing_left
check '… listed as nobody'"'"'s' equal "$(cunik volume ls -q -f dangling=true)" keep_data
check 'export' expect 0 cunik volume export keep_data "$WORK/copy"
mkfifo slow
cunik volume export keep_data >slow &
copying=$!
exec 4<slow
locked() { ! flock -ns "$CUNIK_ROOT/volumes/keep_data" true; }
check 'while it is copied' wait_until 30 locked
check '… no guest begins to use it' expect 1 cunik-compose up -d
check '… which says why' err_has "the volume 'keep_data' is being exported or imported"
check '… and the copy is whole' cmp - "$WORK/copy" <&4
wait $copying
exec 4<&-
check 'down -v removes it' expect 0 cunik-compose down -v
check '… as a step of its own' err_has ' Volume keep_data  Removed'
check '… for good' equal "$(cunik volume ls -q)" ''
check 'a volume made by hand' expect 0 cunik volume create --size 64M --format qcow2 --label of=test keep_data
check '… has the copy imported' expect 0 cunik volume import keep_data "$WORK/copy"
: >nothing
check '… and nothing that is empty' expect 2 cunik volume import keep_data nothing
check '… which says why' err_has 'is no disk image: it is empty'
check '… nor what is no file' expect 2 cunik volume import keep_data /dev/null
check 'a name with a colon' expect 0 cunik volume export keep_data nbd:copy
check '… is a file, of what was imported' cmp nbd:copy "$WORK/copy"
sed -i 's/^  data:$/  data:\n    name: keep_data\n    external: true/; /driver_opts/d' compose.yaml
check '… and is external to a stack' up
check '… that finds what was written' keeps
check 'down -v' expect 0 cunik-compose down -v
check '… leaves what is external' equal "$(cunik volume ls -q -f label=of=test)" keep_data
check 'a volume that is damaged' expect 0 cunik volume create --format directory broken
echo '{' >"$CUNIK_ROOT/volumes/broken/volume.json"
check '… hides no other' equal "$(cunik volume ls -q | sort | paste -sd,)" broken,keep_data
check '… is told of' expect 0 cunik volume inspect broken
check '… with what is wrong' out_has volume.json
check '… is not copied' expect 1 cunik volume export broken x.tar
check '… and can be removed' expect 0 cunik volume rm broken
check 'remove' expect 0 cunik volume rm keep_data
check 'what is external must be there' expect 2 cunik-compose up -d
check '… and is named' err_has "no such volume: keep_data; one that is external is made by 'cunik volume create keep_data'"

# Memory, which a Linux guest is told to mount, and what is mounted within it.
cat >memory.yaml <<END
name: memory
services:
  lua:
    mem_limit: 128m
    network_mode: none
    command: [lua5.4, -e, 'for _, f in ipairs{"/proc/mounts", "/mem/shared/page", "/mem/motd"} do for l in io.lines(f) do print(l) end end']
    unikernel:
      backend: linux
      kernel: $ROOT_DIR/build/guests/linux/vmlinux
      initrd: $ROOT_DIR/build/guests/app.cpio
    tmpfs: ["/mem/deep/er:ro", "/mem:size=16m,mode=0750,uid=33,gid=34"]
    volumes:
      - {type: tmpfs, target: /cache, tmpfs: {size: 1m, mode: 0700}}
      - ./shared:/mem/shared
      - ./motd:/mem/motd:ro
END
echo 'of the folder' >shared/page
check 'memory file systems' expect 0 cunik-compose -f memory.yaml up -d
printed() { cunik logs memory-lua-1 | tr -d '\r' >"$OUT"; grep -qF 'exited with status' "$OUT"; }
check 'their guest lists what is mounted' wait_until 120 printed
check '… with size, mode and owner' grep -qE '^tmpfs /mem tmpfs rw,.*size=16384k,mode=750,uid=33,gid=34' "$OUT"
check '… of the long form too' grep -qE '^tmpfs /cache tmpfs rw,.*size=1024k,mode=700' "$OUT"
check '… one for everybody where no mode is said, read-only' grep -qE '^tmpfs /mem/deep/er tmpfs ro,nosuid,nodev' "$OUT"
check '… which covers no folder' out_has 'of the folder'
check '… and no file' out_has 'one file'
check 'no change, nothing to do' bash -c "cunik-compose -f memory.yaml plan | grep -q 'lua-1: restart\|start lua-1\|Nothing to do'"
sed -i 's/size=16m/size=8m/' memory.yaml
check 'another size' expect 0 cunik-compose -f memory.yaml plan
check '… recreates the guest' out_has 'volumes./mem.size'
sed -i 's/backend: linux/backend: osv/; s/command:.*/command: [\/program]/; s/- .*:ro$//; s/- .\/shared.*//' memory.yaml
check 'a guest that cannot be told' expect 0 cunik-compose -f memory.yaml config --unsupported
check '… is in the list with the reason' out_has "guest of backend 'osv' mounts its memory file systems itself"
check 'down' expect 0 cunik-compose -f memory.yaml down

# A disk of somebody's own is opened to the user that guests run as, and stays whose it is.
mkdir -p "$WORK/own"
truncate -s 1M "$WORK/own/disk"
chown 1234:1234 "$WORK/own/disk"
cp "$PROBE" "$WORK/own/kernel"
chmod 600 "$WORK/own/disk" "$WORK/own/kernel"
cat >own.yaml <<END
name: own
services:
  probe:
    unikernel: {backend: raw, kernel: $WORK/own/kernel, disks: [{path: $WORK/own/disk}]}
    mem_limit: 16m
END
chmod 711 "$WORK"
chmod 700 "$WORK/own"
check 'a disk in a closed folder is refused' expect 1 cunik-compose -f own.yaml up -d
check '… with the reason' err_has "may not write to '$WORK/own/disk'"
chmod 711 "$WORK/own"
check 'a private disk serves a guest' expect 0 cunik-compose -f own.yaml up -d
check '… with a private kernel, whose copy is private too' equal "$(stat -c %a "$CUNIK_ROOT/images/own-probe-1/kernel")" 400
check '… and keeps its owner' equal "$(stat -c %u:%g "$WORK/own/disk")" 1234:1234
check 'down' expect 0 cunik-compose -f own.yaml down
check '… leaves it as it was' equal "$(getfacl -cp "$WORK/own/disk")" "$(printf 'user::rw-\ngroup::---\nother::---')"

# Two read it, by a link that leads elsewhere before they go.
closed=$(getfacl -cpE "$WORK/own/disk")
cp -p "$WORK/own/disk" "$WORK/own/other"
ln -s disk "$WORK/own/link"
cat >own.yaml <<END
name: own
services:
  a: &reader
    unikernel: {backend: raw, kernel: $WORK/own/kernel, disks: [{path: $WORK/own/link, readonly: true}]}
    mem_limit: 16m
  b: *reader
END
facl() { getfacl -cpE "$WORK/own/$1"; }
check 'two guests read a private disk' expect 0 cunik-compose -f own.yaml up -d
opened=$(facl disk)
check '… which is open to them' test "$opened" != "$closed"
check '… of whom one goes' expect 0 cunik-compose -f own.yaml down a
check '… and the other still may' same "$(facl disk)" "$opened"
ln -sfn other "$WORK/own/link"
check 'a link leads elsewhere when the guest is started again' expect 0 cunik-compose -f own.yaml restart b
check '… what it led to is closed' same "$(facl disk)" "$closed"
check '… and what it leads to is open' same "$(facl other)" "$opened"
ln -sfn disk "$WORK/own/link"
check 'it leads elsewhere when the guest goes' expect 0 cunik-compose -f own.yaml down
check '… and both are closed' equal "$(facl disk) $(facl other)" "$closed $closed"
check 'nothing is left' nothing_left
plan_tests_done
