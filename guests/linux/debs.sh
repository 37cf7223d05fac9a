# shellcheck shell=bash
# Shared by guests/linux/kernel and guests/linux/pack: Debian packages as plain archives, never installed.
# To be sourced by bash. Needs apt with package lists (it gets them if it must) and dpkg-deb.

: "${GUEST_CACHE:=build/guests/cache}" # downloaded packages, kept between runs

die() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# Gets apt's package lists unless they know all of PACKAGE... already.
debs_know() {
    apt-get download --print-uris "$@" >/dev/null 2>&1 && return
    apt-get -qq update || die "cannot update apt's package lists (that takes root and a network)"
    apt-get download --print-uris "$@" >/dev/null || die "apt cannot get $*"
}

# Prints what PACKAGE... depend on directly, one name a line; of alternatives the first.
debs_depends() {
    apt-cache depends --important "$@" |
        awk '$1 ~ /^[|]?(Pre)?Depends:$/ { if (!either && $2 !~ /^</) print $2; either = $1 ~ /^[|]/ }'
}

# Prints PACKAGE... and the library packages that they depend on, at any depth.
debs_with_libraries() {
    local -A seen=()
    local level=("$@") next name

    while ((${#level[@]})); do
        printf '%s\n' "${level[@]}"
        for name in "${level[@]}"; do
            seen[$name]=1
        done
        next=()
        for name in $(debs_depends "${level[@]}" | sort -u); do
            [[ $name == lib* || $name == zlib* ]] && [[ -z ${seen[$name]:-} ]] && next+=("$name")
        done
        level=("${next[@]}")
    done
}

# Downloads what is not in the cache yet and prints the files' names there, one a line.
debs_try_fetch() {
    local uris file temporary missing=0

    mkdir -p "$GUEST_CACHE"
    uris=$(apt-get download --print-uris "$@") || return 1
    for file in $(awk '{ print $2 }' <<<"$uris"); do
        [[ -e $GUEST_CACHE/$file ]] || missing=1
    done
    if ((missing)); then
        # Into a folder of its own first: a file that is in the cache is whole, and two runs may go on at once.
        temporary=$(mktemp -d "$GUEST_CACHE/fetch.XXXXXX")
        if ! (cd "$temporary" && apt-get -qq -o APT::Sandbox::User=root download "$@" >&2); then
            rm -rf "$temporary"
            return 1
        fi
        mv -f "$temporary"/*.deb "$GUEST_CACHE/"
        rmdir "$temporary"
    fi
    awk -v cache="$GUEST_CACHE" '{ print cache "/" $2 }' <<<"$uris"
}

# The same, with newer package lists if those that are there name files that are gone.
debs_fetch() {
    debs_try_fetch "$@" 2>/dev/null && return
    apt-get -qq update || die "cannot update apt's package lists (that takes root and a network)"
    debs_try_fetch "$@" || die "cannot download $*"
}

# Unpacks DEB... into DIR, with /bin, /sbin, /lib and /lib64 merged into /usr whatever the package says.
debs_unpack() {
    local dir=$1 deb name

    shift
    for name in bin sbin lib lib64; do
        mkdir -p "$dir/usr/$name"
        ln -sfn "usr/$name" "$dir/$name"
    done
    for deb; do
        dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink --no-same-owner -C "$dir"
    done
}

# Prints the modules that the module file FILE needs, one name a line.
module_depends() {
    readelf -p .modinfo "$1" | sed -n 's/^.* depends=//p' | tr ',' '\n' | grep . || true
}

# Prints MODULE... and what they need from the folder DIR of NAME.ko files, in the order to load them.
module_order() {
    local dir=$1 module
    local -A visited=()

    module_visit() {
        local name=${1//-/_} dependency
        [[ -z ${visited[$name]:-} ]] || return 0
        visited[$name]=1
        [[ -e $dir/$name.ko ]] || die "there is no kernel module '$name' in $dir"
        for dependency in $(module_depends "$dir/$name.ko"); do
            module_visit "$dependency"
        done
        echo "$name"
    }
    shift
    for module; do
        module_visit "$module"
    done
}
