#!/bin/bash
# The Debian package: built, unpacked into a folder, and its own programs run a guest. Needs no installed Cunik.
. "$(dirname "$0")/lib.sh"

check 'make deb' expect 0 packaging/deb.sh 0.1.0 "$WORK/out"
deb=$(tail -1 "$OUT")
check 'it depends on the libraries it is linked with' bash -c 'dpkg-deb -f "$1" Depends | grep -q "libvirt0.*qemu-system-x86"' - "$deb"
check '… and on nothing that there is not' bash -c 'dpkg-deb -f "$1" Depends | tr "," "\n" | sed "s/|.*//; s/(.*//; s/ //g" | while read -r p; do dpkg-query -W "$p" >/dev/null 2>&1 || apt-cache show "$p" >/dev/null 2>&1 || { echo "$p"; exit 1; }; done' - "$deb"
check 'unpacked' expect 0 dpkg-deb -x "$deb" "$WORK/tree"
for file in usr/bin/cunik usr/bin/cunikd usr/bin/cunik-compose usr/share/man/man1/cunik-compose.1.gz \
    usr/lib/systemd/system/cunikd.socket usr/lib/systemd/system/cunik-stack@.service; do
    check "it has $file" test -s "$WORK/tree/$file"
done
check 'its units name its programs' grep -q 'ExecStart=/usr/bin/cunikd' "$WORK/tree/usr/lib/systemd/system/cunikd.service"
check 'scripts are scripts' bash -c 'dpkg-deb -e "$1" "$2/control" && sh -n "$2/control/postinst" && sh -n "$2/control/prerm"' - "$deb" "$WORK"
cp -r examples/hello "$WORK/hello" && sed -i "s#\.\./\.\./build#$ROOT_DIR/build#" "$WORK/hello/cunik-compose.yaml"
export PATH="$WORK/tree/usr/bin:$PATH"
cd "$WORK/hello" || exit 1
check 'its programs run a guest' expect 0 cunik-compose up -d --wait
check '… by its own engine' bash -c 'readlink /proc/$(cat "$CUNIK_ROOT/cunikd.pid")/exe | grep -q "$1"' - "$WORK/tree"
check '… that answers' wait_until 10 answers http://127.0.0.1:8081/ 'hello from hello-hello-1'
check 'down' expect 0 cunik-compose down
check 'nothing is left' nothing_left
plan_tests_done
