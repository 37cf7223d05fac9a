#!/bin/bash
# Makes Debian packages: cunik of what `make install` installs, cunik-guest-linux of `make install-guest-linux`.
#
#   packaging/deb.sh VERSION OUT_FOLDER      (called by `make deb`)
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
version=$1 out=$2
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

make -s install DESTDIR="$tree/root" PREFIX=/usr
gzip -9n "$tree"/root/usr/share/man/man*/*
strip --strip-unneeded "$tree"/root/usr/bin/*
mkdir -p "$tree/root/DEBIAN" "$tree/debian" "$tree/root/etc/cunik/stacks"

# The libraries as they are linked; the programs that the engine runs.
printf 'Source: cunik\n\nPackage: cunik\nArchitecture: any\n' >"$tree/debian/control"
libraries=$(cd "$tree" && dpkg-shlibdeps -O root/usr/bin/* 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
programs='libvirt-daemon-driver-qemu | libvirt-daemon, qemu-system-x86, qemu-utils, dnsmasq-base, e2fsprogs, adduser'
cat >"$tree/root/DEBIAN/control" <<END
Package: cunik
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: The Cunik maintainers <cunik@localhost>
Section: admin
Priority: optional
Depends: $libraries, $programs
Recommends: skopeo, xorriso, slirp4netns, nftables, iproute2
Suggests: cunik-guest-linux
Installed-Size: $(du -sk "$tree/root" | cut -f1)
Description: stacks of unikernels from one file
 Cunik runs unikernels as Docker Compose runs containers: cunik-compose brings
 up what a stack file says, cunik looks after single guests, images and volumes,
 and cunikd is the engine of both.
END
cat >"$tree/root/DEBIAN/postinst" <<'END'
#!/bin/sh
set -e
if [ "$1" = configure ]; then
    getent group cunik >/dev/null || addgroup --system --quiet cunik
    if [ -d /run/systemd/system ]; then
        systemctl daemon-reload
        systemctl enable --now cunikd.socket
    fi
fi
END
cat >"$tree/root/DEBIAN/prerm" <<'END'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    systemctl disable --now cunikd.socket cunikd.service
fi
END
chmod 755 "$tree"/root/DEBIAN/p*
chmod 755 "$tree/root"
mkdir -p "$out"
dpkg-deb --root-owner-group --build "$tree/root" "$out" >/dev/null

# What guests of the backend linux are made with. The kernel is Debian's own, unpacked.
make -s install-guest-linux DESTDIR="$tree/linux" PREFIX=/usr
mkdir -p "$tree/linux/DEBIAN"
release=$(cat build/guests/linux/version)
cat >"$tree/linux/DEBIAN/control" <<END
Package: cunik-guest-linux
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: The Cunik maintainers <cunik@localhost>
Section: admin
Priority: optional
Depends: cpio, binutils, apt
Enhances: cunik
Installed-Size: $(du -sk "$tree/linux" | cut -f1)
Description: kernel, init and packer for Linux guests of Cunik
 With this cunik build makes guests of the backend linux: programs of Debian's
 packages with their libraries and an init of their own, on Debian's cloud
 kernel $release.
END
chmod 755 "$tree/linux"
dpkg-deb --root-owner-group -Zzstd --build "$tree/linux" "$out" >/dev/null
ls "$out"/cunik-guest-linux_"$version"_*.deb "$out"/cunik_"$version"_*.deb
