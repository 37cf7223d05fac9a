#!/bin/bash
# The store of images is the engine's: who may talk to it may use it, with the files that he may read himself; the same
# files give the same image; whatever is killed, damaged or refused, the rest stays whole, which another OCI tool checks.
. "$(dirname "$0")/lib.sh"

if ! command -v skopeo >/dev/null; then
    echo "ok 1 - store # SKIP skopeo is needed"
    echo 1..1
    exit 0
fi
export HOME=$WORK
STORE=$CUNIK_ROOT/store
chmod 711 "$WORK"
cd "$WORK" || exit 1
digest() { cunik image inspect "$1" 2>/dev/null | jq -r '.[0].digest'; }
readable() { skopeo inspect "oci:$STORE:$1" >"$OUT" 2>"$ERR"; }
# The index and all blobs: what a change would show in.
contents() { find "$STORE" -path "$STORE/.tmp" -prune -o -type f ! -name .lock -print | sort | xargs sha256sum | sha256sum; }

mkdir web && cp "$PROBE" web/probe.elf
cat >web/Cunikfile <<'EOF'
backend: unikraft
kernel: probe.elf
command: [text=hello]
memory: 16M
environment: {B: "2", A: "1"}
healthcheck: [TCP, "9"]
EOF
check 'build' expect 0 cunik build -t web web
first=$(digest web)

# The same files: another place, time, mask, language and user.
mkdir -p elsewhere/deep && cp -r web elsewhere/deep/ && find elsewhere -exec touch -d '1999-01-01' {} +
check 'built elsewhere, it is the same' same "$(umask 077 && cd elsewhere/deep && TZ=Asia/Tokyo LC_ALL=tr_TR.UTF-8 cunik build -t web:again ./web)" "$first"
sort -r web/Cunikfile >elsewhere/deep/web/Cunikfile
check '… with its keys in another order too' same "$(cunik build -t web:again elsewhere/deep/web)" "$first"
if [ -e "$ROOT_DIR/build/guests/linux/vmlinux" ] && [ -n "$(find "$ROOT_DIR/build/guests/cache" -name 'redis-server_*' 2>/dev/null)" ]; then
    mkdir -p redis far/redis && echo 'port 6379' | tee redis/redis.conf >far/redis/redis.conf
    cat >redis/Cunikfile <<'EOF'
packages: [redis-server, redis-tools]
take: [/usr/bin/redis-server]
files: ["redis.conf:/etc/redis.conf"]
directories: [/data]
command: [redis-server, /etc/redis.conf]
memory: 128M
EOF
    cp redis/Cunikfile far/redis/ && chmod 600 far/redis/redis.conf && touch -d '2001-01-01' far/redis/redis.conf
    check 'a Linux guest of packages' expect 0 cunik build -t redis redis
    check '… with the libraries that they need' bash -c "gzip -dc '$STORE/blobs/sha256/$(skopeo inspect "oci:$STORE:redis:latest" | jq -r '.Layers[0]' | cut -d: -f2)' | tar -xO cunik/initrd | cpio --quiet -t | grep -q libjemalloc"
    check '… again, elsewhere, it is the same' same "$(umask 077 && cd far && LC_ALL=C.UTF-8 cunik build -t redis:2 redis 2>/dev/null)" "$(digest redis)"
else
    check 'a Linux guest of packages # SKIP make guests-guestbook makes what it is packed with' true
fi

# A root file system of a folder, as Unikraft reads it.
mkdir -p root/fs/etc root/fs/bin && echo hello >root/fs/etc/motd && cp "$PROBE" root/fs/bin/run && chmod 755 root/fs/bin/run && ln -s ../etc/motd root/fs/bin/link
cp "$PROBE" root/probe.elf && printf 'backend: unikraft\nkernel: probe.elf\ninitrd: fs\n' >root/Cunikfile
check 'a folder becomes an initrd' expect 0 cunik build -t root root
rm -rf unpacked && mkdir unpacked
gzip -dc "$STORE/blobs/sha256/$(skopeo inspect "oci:$STORE:root:latest" | jq -r '.Layers[0]' | cut -d: -f2)" | tar -xO cunik/initrd | (cd unpacked && cpio --quiet -id)
check '… that holds what is in it' diff -r root/fs unpacked
check '… links and what can be run' bash -c '[ "$(readlink unpacked/bin/link)" = ../etc/motd ] && [ -x unpacked/bin/run ] && [ ! -x unpacked/etc/motd ]'
mkdir later && cp -r root later/ && chmod 600 later/root/fs/etc/motd && find later -exec touch -h -d '2003-03-03' {} + && chown -R 65534 later
check '… the same elsewhere and later' same "$(cunik build -t root:2 later/root)" "$(digest root)"
mkfifo later/root/fs/pipe
check '… what is no file is refused' expect 2 cunik build -t root:2 later/root
check '… by name' err_has "fs/pipe' is neither file, folder nor link"

# What an image is made of lies in its folder.
printf 'kernel: ../web/probe.elf\n' >elsewhere/Cunikfile
check 'a kernel of another folder is refused' expect 2 cunik build -t bad elsewhere
check '… with its place' err_has "elsewhere/Cunikfile:1:9: '../web/probe.elf' is outside of the folder that is built"
ln -s "$PROBE" elsewhere/link.elf && printf 'kernel: link.elf\n' >elsewhere/Cunikfile
check '… also behind a link' expect 2 cunik build -t bad elsewhere
printf 'backend: unikarft\nkernel: deep/web/probe.elf\n' >elsewhere/Cunikfile
check 'a backend that there is not is refused' expect 2 cunik build -t bad elsewhere
check '… and the nearest named' err_has "did you mean 'unikraft'?"

# What takes archives of strangers apart is in the engine alone: clients start without it.
check 'clients do without libarchive' not bash -c "ldd '$BIN/cunik' '$BIN/cunik-compose' | grep libarchive"

# Another user, of the socket's group: the same store, and no more files than he may read.
mkdir bin his && cp "$BIN/cunik" bin/ && cp -r web his/ && chown -R 65534:65534 his
install -m 600 "$PROBE" secret.elf && chmod 755 web
chgrp nogroup "$CUNIK_ROOT/cunikd.sock"
user() { setpriv --reuid=65534 --regid=65534 --clear-groups env PATH="$WORK/bin:$PATH" "$@"; }
check 'a user of the group lists' expect 0 user cunik image ls
check '…' out_has 'web:latest'
check '… tags' expect 0 user cunik image tag web his:1
check '… saves, with what reads the standard input' expect 0 bash -c 'set -o pipefail; '"$(declare -f user)"'; export WORK; user cunik image save his:1 - | user cunik image load - his:2'
check '… the same image' same "$(digest his:2)" "$first"
check '… removes' expect 0 user cunik image rm his:1 his:2
cp secret.elf his/web/probe.elf && chown 0:0 his/web/probe.elf && chmod 600 his/web/probe.elf
rm -rf his/old && mkdir his/old && echo '{"unikernel":{"name":"osv"}}' >his/old/metadata.json && mv his/web/probe.elf his/old/kernel.bin && chmod 755 his/old
check '… imports nothing that he may not read' not user cunik image import his/old stolen
check '… and is told what' err_has "kernel.bin': Permission denied"
check '… nor one that nobody knows' expect 2 bash -c 'mkdir other && echo "{\"unikernel\":{\"name\":\"otheros\"}}" >other/metadata.json && cp web/probe.elf other/kernel.bin && cunik image import other other'
check '… which is named' err_has "there is no 'otheros'"
chgrp root "$CUNIK_ROOT/cunikd.sock"
check 'who is in no group is refused' not user cunik image ls
check '… and told which' err_has "group 'cunik'"

# One rule for registries without TLS. A stand-in keeps what skopeo is asked.
mkdir fake && printf '#!/bin/sh\necho "$@" >>%q\nexit 1\n' "$WORK/asked" >fake/skopeo && chmod +x fake/skopeo
printf 'name: rule\nservices: {a: {image: "localhost:5009/x"}}\n' >rule.yaml
asked() { # VALUE COMMAND...
    local value=$1
    shift
    rm -f asked
    env PATH="$WORK/fake:$PATH" CUNIK_INSECURE_REGISTRY="$value" "$@" >/dev/null 2>"$ERR"
    grep -c 'tls-verify=false' asked
}
for command in 'cunik pull localhost:5009/x' 'cunik-compose -f rule.yaml pull'; do
    # shellcheck disable=SC2086
    check "CUNIK_INSECURE_REGISTRY: ${command%% *}" equal "$(asked 1 $command) $(asked yes $command) $(asked 0 $command) $(asked '' $command) $(asked no $command)" '1 1 0 0 0'
    # shellcheck disable=SC2086
    check '… nothing else' expect 2 env CUNIK_INSECURE_REGISTRY=maybe $command
done
check '… --insecure goes before it' equal "$(asked 0 cunik pull --insecure localhost:5009/x)" 1

# Fetched when it is missing, always or never, as who asks says; built anew when asked to.
asks() { rm -f asked; PATH="$WORK/fake:$PATH" not "$@" && test -s asked; }
asks_not() { rm -f asked; PATH="$WORK/fake:$PATH" run "$@"; ! test -e asked; }
policy() { printf 'name: rule\nservices: {a: {image: "%s", pull_policy: %s, network_mode: none}}\n' "$1" "$2" >policy.yaml; }
check 'run fetches what is missing' asks cunik run --network none localhost:5009/x
check '… and nothing when told so' asks_not cunik run --pull never --network none localhost:5009/x
check '… which is an error' err_has 'no such image: localhost:5009/x'
check '… always, when told so' asks cunik run --pull always --network none web
check '… or as nobody knows' expect 2 cunik run --pull often --network none web
policy localhost:5009/x missing && check 'pull_policy: missing' asks cunik-compose -f policy.yaml up -d
policy web always && check '… always' asks cunik-compose -f policy.yaml up -d
policy web missing && check '… what is there is not fetched' asks_not cunik-compose -f policy.yaml up -d
check '… and boots' equal "$(cunik inspect rule-a-1 | jq -r '.[0].image_digest')" "$first"
check '… down' expect 0 cunik-compose -f policy.yaml down
printf 'name: rule\nservices: {a: {build: ./root, pull_policy: build, network_mode: none}}\n' >policy.yaml
check '… build' expect 0 cunik-compose -f policy.yaml up -d
built=$(cunik inspect rule-a-1 | jq -r '.[0].image_digest')
echo changed >root/fs/etc/motd
check '… is built anew' expect 0 cunik-compose -f policy.yaml up -d
check '… and boots what was built' not test "$(cunik inspect rule-a-1 | jq -r '.[0].image_digest')" = "$built"
check '… down' expect 0 cunik-compose -f policy.yaml down
cunik image rm rule-a >/dev/null && cunik image prune >/dev/null 2>&1

# Whatever is killed.
before=$(contents)
cat >fake/skopeo <<END2
#!/bin/bash
[ "\$1" != inspect ] || { echo '{}'; exit; }
for to; do :; done
layout=\${to#oci:} layout=\${layout%:image}
mkdir -p "\$layout/blobs/sha256" && echo half >"\$layout/blobs/sha256/half"
echo \$\$ >"$WORK/pulling"
exec sleep 600
END2
PATH="$WORK/fake:$PATH" TMPDIR=$WORK cunik pull localhost:5009/x >/dev/null 2>&1 &
client=$!
wait_until 30 test -s pulling
kill -9 $client "$(cat pulling)"
wait $client 2>/dev/null
check 'a pull that is killed leaves the store as it was' equal "$(contents)" "$before"

cunik image save web web.tar
receiving() { find "/proc/$(cat "$CUNIK_ROOT/cunikd.pid")/fd" -lname "$STORE/.tmp/*" 2>/dev/null | grep -q .; }
mkfifo pipe
for who in client engine; do
    cunik image load pipe half:1 >/dev/null 2>"$ERR" &
    client=$!
    exec 8>pipe
    head -c 20000 web.tar >&8
    wait_until 30 receiving
    check "$who killed in the middle of a load: it was under way" receiving
    engine=$(cat "$CUNIK_ROOT/cunikd.pid")
    if [ $who = client ]; then kill -9 $client; else kill -9 "$engine"; fi
    exec 8>&-
    wait $client 2>/dev/null
    check '… the store is as it was' equal "$(contents)" "$before"
    check '… and read by another tool' readable web:latest
done
truncate -s 200M web/big.raw && printf 'kernel: probe.elf\nbackend: raw\ndisks: [big.raw]\n' >web/Bigfile
swept() { cunik image tag web web:swept && [ -z "$(find "$STORE/.tmp" -mindepth 1)" ]; }
making() { [ -n "$(find "$STORE/.tmp" -name 'layer*' -size +0 2>/dev/null)" ]; }
cunik image ls -q >/dev/null
for who in client engine; do
    cunik build -t big -f Bigfile web >/dev/null 2>"$ERR" &
    client=$!
    wait_until 60 making
    check "$who killed in the middle of a build: it was under way" making
    if [ $who = client ]; then kill -9 $client; else kill -9 "$(cat "$CUNIK_ROOT/cunikd.pid")"; fi
    wait $client 2>/dev/null
    # What the engine was asked for it may finish; what a killed one left is no image, and goes with the next change.
    wait_until 60 swept
    cunik image rm -f big web:swept >/dev/null 2>&1
    check '… the rest is read by another tool' readable web:latest
    check '… and nothing is half done' equal "$(find "$STORE/.tmp" -mindepth 1)" ''
done

# Damage is named, keeps to its image, and goes with the next build.
sed -i 's/hello/other/' web/Cunikfile && cunik build -t other web >/dev/null
other=$(digest other) blob=$STORE/blobs/sha256
layer=$(jq -r '.layers[0].digest' "$blob/${first#*:}" | cut -d: -f2)
cp "$blob/$layer" kept && printf X | dd of="$blob/$layer" bs=1 seek=100 conv=notrunc status=none
check 'a damaged layer is not booted' not timeout 60 cunik run --rm --name one other
check '… and named' err_has "is corrupt: its digest is sha256:"
cp kept "$blob/$layer"
truncate -s 10 "$blob/${other#*:}"
check 'a damaged manifest: the others are listed' expect 0 cunik image ls
check '…' out_has web:latest
check '… it too, as damaged' bash -c "grep -q '^other:latest .*damaged' '$OUT'"
check '… and why' err_has "the image other:latest is damaged: the blob $other has 10 bytes and not"
check '… the others are read by another tool' readable web:latest
check '… prune works' expect 0 cunik image prune
check '… building it again mends it' expect 0 cunik build -t other web
check '…' readable other:latest
jq -c '.manifests += [{"digest":"sha256:1","annotations":{"org.opencontainers.image.ref.name":"odd:latest"}}]' "$STORE/index.json" >index && cp index "$STORE/index.json"
check 'a damaged entry of the index' expect 0 cunik image ls
check '… is named' err_has 'the image odd:latest is damaged'
check '… and can be removed' expect 0 cunik image rm odd
check '… leaving the rest' equal "$(digest web)" "$first"

# In a stack file: by digest; not fetched where it must not be; its health check can be left out.
cat >compose.yaml <<END2
name: st
services:
  checked: {image: "web@$first", pull_policy: never, network_mode: none}
  unchecked: {image: web, pull_policy: never, network_mode: none, healthcheck: {disable: true}}
END2
check 'an image by its digest' expect 0 cunik-compose up -d
check '… is that one' equal "$(cunik inspect st-checked-1 | jq -r '.[0].image_digest')" "$first"
check '… with its health check' equal "$(cunik inspect st-checked-1 | jq -c '.[0].healthcheck.test')" '["TCP","9"]'
check '… which a service may do without' equal "$(cunik inspect st-unchecked-1 | jq -c '.[0].healthcheck.test // []')" '[]'
check '… and nothing is to be done' bash -c 'cunik-compose plan | grep -q "Nothing to do"'
check '… down' expect 0 cunik-compose down
check 'so may a cunik of its own' expect 0 cunik create --name alone --no-healthcheck --network none web
check '…' equal "$(cunik inspect alone | jq -c '.[0].healthcheck.test // []')" '[]'
check '… remove it' expect 0 cunik rm alone

# Who runs an image while others remove it has all of it, or is told that it is not there.
mkdir -p race && cp "$PROBE" race/probe.elf && printf 'backend: unikraft\nkernel: probe.elf\nmemory: 16M\ncommand: [text=race]\n' >race/Cunikfile
race() {
    local name
    for _ in 1 2 3 4 5 6 7 8; do
        cunik build -t race race >/dev/null || return 1
        for name in race1 race2 race3; do
            cunik create --pull never --name "$name" --network none race >/dev/null 2>>raced &
        done
        cunik image rm --force race >/dev/null
        wait
        for name in $(cunik list -aq --filter name=race1 --filter name=race2 --filter name=race3); do
            cunik rm -f "$name" >/dev/null
        done
    done
    ! grep -v 'no such image: race' raced >"$OUT"
}
check 'runs and removals of one image do not disturb each other' race
printf 'name: st\nservices: {a: {image: nowhere/at/all, pull_policy: never, network_mode: none}}\n' >compose.yaml
check 'never fetched, an image that is not there is an error' not cunik-compose up -d
check '… that names it' err_has "no such image: nowhere/at/all"
check 'nothing is left' nothing_left
plan_tests_done
