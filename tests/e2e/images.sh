#!/bin/bash
# Images: built from a Cunikfile, reproducibly; sent to a registry and fetched from it; in stack files; never written to
# by guests; hostile ones are refused, and the store stays whole, which another OCI tool checks.
. "$(dirname "$0")/lib.sh"

REGISTRY=$ROOT_DIR/build/registry/usr/bin/docker-registry
if [ ! -x "$REGISTRY" ] || ! command -v skopeo >/dev/null; then
    echo "ok 1 - images # SKIP skopeo and docker-registry (tests/registry.sh) are needed"
    echo 1..1
    exit 0
fi
export HOME=$WORK CUNIK_INSECURE_REGISTRY=1
store() { skopeo inspect --raw "oci:$CUNIK_ROOT/store:$1" >"$OUT" 2>"$ERR" && skopeo inspect --config "oci:$CUNIK_ROOT/store:$1" >"$OUT" 2>"$ERR"; }
digest() { cunik image inspect "$1" | jq -r '.[0].digest'; }

mkdir "$WORK/web" && cd "$WORK" || exit 1
cp "$PROBE" web/probe.elf
cat >web/Cunikfile <<END
backend: unikraft
kernel: probe.elf
command: [text=hello from an image]
memory: 16M
ports: [80]
healthcheck: [HTTP, "http://:80/"]
labels: {made-by: test}
END
check 'build' expect 0 cunik build -t web web
first=$(digest web)
check '… has a digest' test -n "$first"
cp -p web/probe.elf web/again.elf && mv web/again.elf web/probe.elf && touch -d 2001-01-01 web/probe.elf
check '… again gives the same digest' same "$(cunik build -t web:again web)" "$first"
check 'an OCI tool reads the store' store web:latest
check '… and what the configuration says' equal "$(jq -r '.config.Labels["io.cunik.backend"]' "$OUT")" unikraft
check 'a mistake is named with its place' expect 2 bash -c 'mkdir bad && echo "kernle: x" >bad/Cunikfile && cunik build -t bad bad'
check '… and the key that was meant' err_has "bad/Cunikfile:1:1: unknown key 'kernle'; did you mean 'kernel'?"
check 'tag, list' expect 0 cunik image tag web localhost:5000/team/web:1
check '…' equal "$(cunik image ls --format json | jq -c '.names')" '["web:latest","web:again","localhost:5000/team/web:1"]'
check 'remove a name' expect 0 cunik image rm web:again

cat >registry.yml <<END
version: 0.1
storage: {filesystem: {rootdirectory: $WORK/registry}}
http: {addr: 127.0.0.1:5000}
END
"$REGISTRY" serve registry.yml >registry.log 2>&1 &
registry=$!
trap 'kill $registry 2>/dev/null; cleanup' EXIT
wait_until 30 fetch http://127.0.0.1:5000/v2/
check 'push' expect 0 cunik push --insecure localhost:5000/team/web:1
# Its own copy of the program: the build need not be anywhere that others can get to.
cp "$BIN/cunik" "$CUNIK_ROOT/cunik"
as_other() { setpriv --reuid=23457 --regid="$(stat -c %g "$CUNIK_ROOT/cunikd.sock")" --clear-groups env -C / HOME=/ "$@"; }
check '… by who is only let at the engine' expect 0 as_other "$CUNIK_ROOT/cunik" push --insecure localhost:5000/team/web:1
rm "$CUNIK_ROOT/cunik"
check 'the registry has the same digest' equal "$(skopeo inspect --tls-verify=false docker://localhost:5000/team/web:1 | jq -r .Digest)" "$first"
# What Unikraft's tools push: a list of images for several machines, none of them a Linux.
skopeo copy -q --dest-tls-verify=false "oci:$CUNIK_ROOT/store:web:latest" docker://localhost:5000/team/multi:one
skopeo inspect --raw "oci:$CUNIK_ROOT/store:web:latest" >one.json
entry() { echo "{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"$first\",\"size\":$(stat -c %s one.json),\"platform\":{\"architecture\":\"$1\",\"os\":\"$2\"}}"; }
list() { # TAG ENTRY...
    local tag=$1 all
    shift
    all=$(printf '%s,' "$@")
    echo "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[${all%,}]}" >list.json
    curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' --data-binary @list.json "http://127.0.0.1:5000/v2/team/multi/manifests/$tag"
}
list ours "$(entry arm64 linux)" "$(entry x86_64 qemu)"
list theirs "$(entry arm64 linux)"
check 'of images for several machines that for ours is fetched' equal "$(cunik pull --insecure localhost:5000/team/multi:ours)" "$first"
check '… and none for others' expect 2 cunik pull --insecure localhost:5000/team/multi:theirs
check '… which is said' err_has "it holds images for other machines only"
check '… remove it' expect 0 cunik image rm localhost:5000/team/multi:ours
check 'save' expect 0 cunik image save web web.tar
check 'remove all' expect 0 cunik image rm "$first"
check '… leaves no blob' equal "$(find "$CUNIK_ROOT/store/blobs" -type f | wc -l)" 0
check 'load' expect 0 cunik image load web.tar web
check '… the same' equal "$(digest web)" "$first"
check 'run an image' expect 0 cunik run -d --name one -p 127.0.0.1:8090:80 web
check '… as it says' wait_until 30 answers http://127.0.0.1:8090/args 'text=hello from an image'
check '… remove it' expect 0 cunik rm -f one
check 'remove it' expect 0 cunik image rm web

cat >compose.yaml <<END
name: shop
services:
  web:
    image: localhost:5000/team/web:1
    ports: ["127.0.0.1:8080:80"]
  built:
    build: ./web
    command: ["text=\${TEXT:-built}"]
    ports: ["127.0.0.1:8081:80"]
END
check 'up fetches and builds' expect 0 cunik-compose up -d --wait --wait-timeout 60
check '… boots the image' wait_until 30 answers http://127.0.0.1:8080/args 'text=hello from an image'
check '… with what the service says' wait_until 30 answers http://127.0.0.1:8081/args text=built
check '… healthy by the image'"'"'s check' equal "$(cunik inspect shop-web-1 | jq -r '.[0].status.health')" healthy
check '… knows its digest' equal "$(cunik inspect shop-web-1 | jq -r '.[0].image_digest')" "$first"
check 'nothing to do' bash -c 'cunik-compose plan | grep -q "Nothing to do"'
check 'an image in use stays' expect 1 cunik image rm localhost:5000/team/web:1 shop-built
sed -i 's/hello from/greetings of/' web/Cunikfile
check 'another version' expect 0 cunik build -t localhost:5000/team/web:1 web
run cunik-compose plan
check '… is planned' bash -c 'grep -q "$1.*→ \"$2" "$3"' - "image_digest \"${first:0:40}" "$(digest localhost:5000/team/web:1 | cut -c1-40)" "$OUT"
check '… for that service alone' equal "$(grep -c '^~ recreate' "$OUT")" 1
check 'prune keeps what runs' expect 0 cunik image prune -a
check '… whole' store shop-built:latest
cunik build -t localhost:5000/team/web:1 web >/dev/null # nothing ran of this one
check 'up' expect 0 cunik-compose up -d --wait --wait-timeout 60
check '… boots the new one' wait_until 30 answers http://127.0.0.1:8080/args 'text=greetings of an image'
check 'down' expect 0 cunik-compose down

# Disks of an image: each guest writes to a layer of its own, which a restart keeps and another guest does not see.
mkdir disk && cp "$PROBE" disk/ && truncate -s 1M disk/data.raw
printf 'as it was' | dd of=disk/data.raw conv=notrunc status=none
printf 'backend: raw\nkernel: probe.elf\ndisks: [data.raw]\nmemory: 16M\n' >disk/Cunikfile
check 'an image with a disk' expect 0 cunik build -t disk disk
mkdir two
cat >two/compose.yaml <<END
name: two
x-probe: &probe {image: disk, pull_policy: never, unikernel: {backend: unikraft}}
services:
  a: {<<: *probe, ports: ["127.0.0.1:8083:80"]}
  b: {<<: *probe, ports: ["127.0.0.1:8084:80"]}
END
check '… two guests' expect 0 cunik-compose -f two/compose.yaml up -d
unpacked() { find "$CUNIK_ROOT/unpacked" -type f -exec sha256sum {} + | sort | sha256sum; }
before=$(unpacked)
check '… read it' wait_until 30 answers http://127.0.0.1:8083/disk?0 'as it was'
check '… one writes' wait_until 30 answers http://127.0.0.1:8083/write?changed written
check '… and reads what it wrote' wait_until 30 answers http://127.0.0.1:8083/disk?0 changed
check '… which the other does not see' wait_until 30 answers http://127.0.0.1:8084/disk?0 'as it was'
check '… started again, it still does' expect 0 cunik restart two-a-1
check '…' wait_until 30 answers http://127.0.0.1:8083/disk?0 changed
check '… and the image is as it was' equal "$(unpacked)" "$before"
check '… made anew, it begins with the image' expect 0 cunik-compose -f two/compose.yaml up -d --force-recreate
check '…' wait_until 30 answers http://127.0.0.1:8083/disk?0 'as it was'
check '… down' expect 0 cunik-compose -f two/compose.yaml down

# The first Cunik's folders, and images of Unikraft's tools.
mkdir old && cp "$PROBE" old/kernel.bin && echo '{"unikernel":{"name":"unikraft"},"default_cmdline":""}' >old/metadata.json
check 'import' expect 0 cunik image import old old
mkdir -p uk/unikraft/bin uk/blobs/sha256 && cp "$PROBE" uk/unikraft/bin/kernel
put() { local d; d=$(sha256sum "$1" | cut -d' ' -f1); cp "$1" "uk/blobs/sha256/$d"; echo "{\"mediaType\":\"$2\",\"digest\":\"sha256:$d\",\"size\":$(stat -c %s "$1")}"; }
tar -C uk -cf layer.tar unikraft
layer=$(put layer.tar application/vnd.oci.image.layer.v1.tar)
echo "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Cmd\":[\"text=kraft\"]},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[$(jq .digest <<<"$layer")]}}" >config.json
config=$(put config.json application/vnd.oci.image.config.v1+json)
echo "{\"schemaVersion\":2,\"config\":$config,\"layers\":[$layer]}" >manifest.json
manifest=$(put manifest.json application/vnd.oci.image.manifest.v1+json)
echo "{\"schemaVersion\":2,\"manifests\":[$manifest]}" >uk/index.json
echo '{"imageLayoutVersion":"1.0.0"}' >uk/oci-layout
tar -C uk -cf uk.tar oci-layout index.json blobs
check 'an image in Unikraft'"'"'s layout' expect 0 cunik image load uk.tar kraft
mkdir kraft && printf 'name: kraft\nservices: {k: {image: kraft, unikernel: {backend: unikraft}, ports: ["127.0.0.1:8082:80"]}}\n' >kraft/compose.yaml
check '… runs' expect 0 cunik-compose -f kraft/compose.yaml up -d
check '… with its arguments' wait_until 30 answers http://127.0.0.1:8082/args text=kraft
check '… down' expect 0 cunik-compose -f kraft/compose.yaml down

# Hostile ones.
blobs() { find "$CUNIK_ROOT/store" -type f ! -name .lock | sort | xargs sha256sum | sha256sum; }
before=$(blobs)
blob=$(jq -r .digest <<<"$layer" | cut -d: -f2)
printf X | dd of="uk/blobs/sha256/$blob" bs=1 seek=700 conv=notrunc status=none
tar -C uk -cf bad.tar oci-layout index.json blobs
check 'a corrupt blob is refused' expect 2 cunik image load bad.tar bad
truncate -s 5000 "uk/blobs/sha256/$blob"
tar -C uk -cf bad.tar oci-layout index.json blobs
check 'a truncated layer too' not cunik image load bad.tar bad
check '… the store is as it was' equal "$(blobs)" "$before"
# Layers that would write elsewhere: what they are packed in is whole, so that they are found when they are unpacked.
ln -s /etc evil-link
hostile() { # NAME TAR-OPTIONS...: loads an image with that layer, and boots it
    local name=$1
    shift
    rm -rf uk/blobs && mkdir -p uk/blobs/sha256
    tar "$@" -C "$WORK" -cPf layer.tar -C uk unikraft
    layer=$(put layer.tar application/vnd.oci.image.layer.v1.tar)
    echo "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[$(jq .digest <<<"$layer")]}}" >config.json
    echo "{\"schemaVersion\":2,\"config\":$(put config.json application/vnd.oci.image.config.v1+json),\"layers\":[$layer]}" >manifest.json
    echo "{\"schemaVersion\":2,\"manifests\":[$(put manifest.json application/vnd.oci.image.manifest.v1+json)]}" >uk/index.json
    tar -C uk -cf hostile.tar oci-layout index.json blobs
    cunik image load hostile.tar "$name" >/dev/null && not cunik run --rm --name hostile "$name"
}
check 'a path that climbs out of its layer' hostile climbs --transform 's#^unikraft/bin/kernel#../../climbed#'
check '… is named' err_has "leaves its folder"
check '… and not there' equal "$(find "$CUNIK_ROOT" /tmp -maxdepth 3 -name climbed 2>/dev/null)" ''
check 'a symbolic link in its way' hostile tricks --transform 's#^unikraft$#x#' --add-file=evil-link
check '… is named' err_has "has the link 'evil-link'"
check '… nothing is unpacked of them' equal "$(find "$CUNIK_ROOT/unpacked" -name 'evil*' -o -name climbed)" ''
check '… they are removed' expect 0 cunik image rm climbs tricks
check '… and the store is as it was' equal "$(blobs)" "$before"
check 'a registry that is not there' not cunik pull --insecure localhost:5001/x
check '… is named' err_has "pulling 'localhost:5001/x:latest'"
check '… the store is as it was' equal "$(blobs)" "$before"
check '… and has nothing half done' equal "$(ls -A "$CUNIK_ROOT/store/.tmp")" ''
small=$(mktemp -d /tmp/ckXXXXXX)
gone() { ! kill -0 "$1" 2>/dev/null; }
drop_small() {
    local pid
    pid=$(cat "$small/cunikd.pid" 2>/dev/null) && kill "$pid" && wait_until 30 gone "$pid"
    umount "$small/store" && rm -rf "$small"
}
trap 'kill $registry 2>/dev/null; [ ! -d "$small" ] || drop_small; cleanup' EXIT
chmod 711 "$small"
mkdir "$small/store"
mount -t tmpfs -o size=40k none "$small/store"
check 'a full disk is an error' not env CUNIK_ROOT="$small" cunik build -t web web
check '… that says so' err_has 'No space left on device'
mount -o remount,size=160k "$small/store"
check '… also when it is full later' not env CUNIK_ROOT="$small" cunik build -t web web
check '… and says so' err_has 'No space left on device'
check '… and leaves a store without the image' equal "$(CUNIK_ROOT=$small cunik image ls -q)" ''
check '… and nothing half done' equal "$(find "$small/store/.tmp" -mindepth 1)" ''
mount -o remount,size=4m "$small/store"
check '… and builds when there is room' expect 0 env CUNIK_ROOT="$small" cunik build -t web web
check '… what an OCI tool reads' expect 0 skopeo inspect "oci:$small/store:web:latest"
drop_small
check 'an OCI tool still reads the store' store kraft:latest
kill $registry
check 'nothing is left' nothing_left
plan_tests_done
