#!/bin/bash
# Fills a store of images, for measuring: N images that share one layer, each with a name.
#
#   bench/store.sh ROOT N
set -euo pipefail
store=$1/store blobs=$1/store/blobs/sha256 n=$2
mkdir -p "$blobs"
work=$(mktemp -d "$store/fillXXXXXX")
mkdir "$work/config" "$work/manifest"

# put FOLDER: its files become blobs; prints "HEX SIZE NAME" for each.
put() {
    (cd "$1" && paste -d ' ' <(sha256sum -- * | cut -c1-64) <(stat -c '%s %n' -- *)) | tee "$work/put" |
        while read -r hex _ name; do printf 'rename %s %s\n' "$1/$name" "$blobs/$hex"; done |
        perl -ne 'rename $1, $2 or die "$1: $!" if /^rename (\S+) (\S+)$/'
    cat "$work/put"
}

mkdir -p "$work/layer/cunik"
head -c 4096 /dev/zero >"$work/layer/cunik/kernel"
mkdir "$work/tar"
tar -C "$work/layer" -cf "$work/tar/layer" cunik
read -r layer layer_size _ < <(put "$work/tar")
for ((i = 0; i < n; i++)); do
    printf '{"architecture":"amd64","os":"linux","created":"1970-01-01T00:00:00Z","config":{"Cmd":["serve"],"Env":["A=b"],"Labels":{"io.cunik.backend":"raw","number":"%d"}},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
        "$i" "$layer" >"$work/config/$i"
done
put "$work/config" >"$work/configs"
while read -r hex size name; do
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":%s}]}' \
        "$hex" "$size" "$layer" "$layer_size" >"$work/manifest/$name"
done <"$work/configs"
put "$work/manifest" >"$work/manifests"
{
    printf '{"schemaVersion":2,"manifests":['
    comma=
    while read -r hex size name; do
        printf '%s{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"image%s:latest"}}' \
            "$comma" "$hex" "$size" "$name"
        comma=,
    done <"$work/manifests"
    printf ']}'
} >"$store/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' >"$store/oci-layout"
rm -rf "$work"
