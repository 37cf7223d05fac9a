#!/bin/bash
# The Debian package: built, unpacked into a folder, and its own programs run a guest. Needs no installed Cunik.
. "$(dirname "$0")/lib.sh"

check 'make deb' expect 0 packaging/deb.sh 0.1.0 "$WORK/out"
deb=$(grep -F /cunik_0 "$OUT") guest=$(grep -F /cunik-guest-linux_ "$OUT")
check 'it depends on the libraries it is linked with' bash -c 'dpkg-deb -f "$1" Depends | grep -q "libvirt0.*qemu-system-x86"' - "$deb"
check '… and on nothing that there is not' bash -c 'dpkg-deb -f "$1" Depends | tr "," "\n" | sed "s/|.*//; s/(.*//; s/ //g" | while read -r p; do dpkg-query -W "$p" >/dev/null 2>&1 || apt-cache show "$p" >/dev/null 2>&1 || { echo "$p"; exit 1; }; done' - "$deb"
check 'unpacked' expect 0 dpkg-deb -x "$deb" "$WORK/tree"
for file in usr/bin/cunik usr/bin/cunikd usr/bin/cunik-compose usr/share/man/man1/cunik-compose.1.gz \
    usr/lib/systemd/system/cunikd.socket usr/lib/systemd/system/cunik-stack@.service; do
    check "it has $file" test -s "$WORK/tree/$file"
done
check 'its units name its programs' grep -q 'ExecStart=/usr/bin/cunikd' "$WORK/tree/usr/lib/systemd/system/cunikd.service"
if command -v systemd-analyze >/dev/null; then
    # Its paths are where they will be: what there is not on this host yet is no mistake.
    units() {
        mkdir -p "$WORK/units" && cp "$WORK"/tree/usr/lib/systemd/system/* "$WORK/units" &&
            sed -i "s#/usr/bin/cunik#$WORK/tree/usr/bin/cunik#" "$WORK"/units/* &&
            SYSTEMD_UNIT_PATH=$WORK/units: run systemd-analyze verify --man=no "$WORK"/units/cunikd.socket \
                "$WORK/units/cunikd.service" "$WORK/units/cunik-stack@some.service" && [ ! -s "$ERR" ]
    }
    check 'systemd finds nothing wrong with its units' units
else
    ok 'systemd finds nothing wrong with its units # SKIP optional: there is no systemd-analyze'
fi
check 'scripts are scripts' bash -c 'dpkg-deb -e "$1" "$2/control" && sh -n "$2/control/postinst" && sh -n "$2/control/prerm"' - "$deb" "$WORK"
check 'what Linux guests are made with is a package of its own' expect 0 dpkg-deb -x "$guest" "$WORK/tree"
cp -r examples/hello "$WORK/hello" && sed -i "s#\.\./\.\./build#$ROOT_DIR/build#" "$WORK/hello/cunik-compose.yaml"
export PATH="$WORK/tree/usr/bin:$PATH"
cd "$WORK/hello" || exit 1
check 'its programs run a guest' expect 0 cunik-compose up -d --wait
check '… by its own engine' bash -c 'readlink /proc/$(cat "$CUNIK_ROOT/cunikd.pid")/exe | grep -q "$1"' - "$WORK/tree"
check '… that answers' wait_until 10 answers http://127.0.0.1:8081/ 'hello from hello-hello-1'
check 'down' expect 0 cunik-compose down
mkdir "$WORK/tool" && printf '#include <stdio.h>\nint main(void) { return puts("made by the package") < 0; }\n' >"$WORK/tool/tool.c"
gcc -static -o "$WORK/tool/tool" "$WORK/tool/tool.c"
printf 'backend: linux\nfiles: ["tool:/bin/tool"]\ncommand: [/bin/tool]\nmemory: 128M\n' >"$WORK/tool/Cunikfile"
check 'its packer makes a Linux guest' expect 0 cunik build -t tool "$WORK/tool"
check '… that runs' expect 0 timeout 120 cunik run --rm --network none --name tool tool
check '… and does what it is for' out_has 'made by the package'
names() { bash -c '. "$1/usr/share/bash-completion/completions/cunik"; COMP_WORDS=(cunik stop ""); COMP_CWORD=2
    $(complete -p cunik | sed "s/.*-F \([^ ]*\).*/\1/") cunik "" stop; printf "%s\n" "${COMPREPLY[@]}"' - "$WORK/tree"; }
check 'something to stop' expect 0 cunik create --network none --name completed tool
check '… whose name is completed' equal "$(names)" completed
check 'remove' expect 0 cunik rm completed
check 'nothing is left' nothing_left
plan_tests_done
