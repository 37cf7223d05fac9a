#!/bin/bash
# Unpacks Debian's docker-registry into a folder, for tests/e2e/images.sh.
#
#   tests/registry.sh DIR
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
# shellcheck source=guests/linux/debs.sh
source guests/linux/debs.sh

debs_know docker-registry
deb=$(debs_fetch docker-registry)
rm -rf "$1"
mkdir -p "$1"
dpkg-deb -x "$deb" "$1"
touch "$1/usr/bin/docker-registry"
