#!/bin/sh
# Installs the Debian packages that building, running and testing Cunik need; does nothing when all are
# there. Uses sudo when it is not run by root.
set -eu

build='gcc make pkg-config libc6-dev libvirt-dev libyaml-dev libnl-3-dev libnl-route-3-dev
    libjansson-dev libnftables-dev libmicrohttpd-dev libcurl4-openssl-dev libssl-dev libacl1-dev libarchive-dev
    scdoc cpio xz-utils zstd lz4'
run='libvirt-daemon-system libvirt-clients qemu-system-x86 qemu-utils dnsmasq-base iproute2 nftables
    curl e2fsprogs skopeo xorriso slirp4netns'
test='acl libcmocka-dev clang clang-format libclang-rt-14-dev jq procps util-linux python3
    libxml2-utils graphviz iptables python3-jsonschema python3-yaml'

# Daemons that change the host's packet filters: only where nobody minds.
[ "${CI:-}" != true ] || test="$test docker.io firewalld"

missing=
for package in $build $run $test; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
        echo "deps.sh: root or sudo is needed to install:$missing" >&2
        exit 1
    }
    as_root=sudo
fi
echo "installing:$missing"
$as_root apt-get update -qq
# No recommended packages: nothing that starts a service or makes a network by itself is needed.
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
