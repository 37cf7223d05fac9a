#!/bin/bash
# The rules of the house that a machine can check, reported as tests.
#
#  - an include never points from a room to a later one (docs/design.md)
#  - the code is formatted, as .clang-format says
#  - shell scripts parse
#  - no fixed-size sprintf family without bound, no marks of unfinished work
set -u
cd "$(dirname "$0")/.." || exit 1
n=0 failed=0

report() { # NAME COMPLAINTS
    n=$((n + 1))
    if [ -n "$2" ]; then
        failed=1
        printf '%s\n' "$2"
        echo "not ok $n - $1"
    else
        echo "ok $n - $1"
    fi
}

# room: what it may include
may_include() {
    case $1 in
    base) echo 'base' ;;
    network) echo 'base network' ;;
    backends) echo 'base backends' ;;
    images) echo 'base images' ;;
    engine) echo 'base network backends images engine' ;;
    compose) echo 'base network backends images engine compose' ;;
    esac
}

complaints=
for room in base network backends images engine compose; do
    allowed=" $(may_include $room) "
    while IFS=: read -r file line text; do
        target=${text#*\"}
        target=${target%%/*}
        case $allowed in
        *" $target "*) ;;
        *) complaints+="$file:$line: $room must not include $target"$'\n' ;;
        esac
    done < <(grep -rnE '^#include "' "src/$room")
done
report 'rooms include only what stands before them' "$complaints"

complaints=$(grep -rnlE '^#include <(libvirt|virterror)' src | grep -v '^src/engine/hypervisor')
report 'only the hypervisor knows libvirt' "$complaints"

complaints=$(grep -rnlE '^#include <yaml.h>' src | grep -vE '^src/compose/(yaml|emit)\.c')
report 'only the reader and the writer of YAML know libyaml' "$complaints"

if command -v clang-format >/dev/null; then
    complaints=$(git ls-files 'src/*.[ch]' 'tests/*.[ch]' 'guests/*.[ch]' |
        xargs clang-format --dry-run -Werror 2>&1 | grep -E 'error:' | head -20)
    report 'code is formatted' "$complaints"
else
    echo "ok $((n += 1)) - code is formatted # SKIP clang-format is missing"
fi

complaints=
while read -r file; do
    head -c 2 "$file" | grep -q '^#!' || continue
    case $(head -n 1 "$file") in
    *bash*) bash -n "$file" || complaints+="$file does not parse"$'\n' ;;
    */sh*) sh -n "$file" || complaints+="$file does not parse"$'\n' ;;
    esac
done < <(git ls-files | grep -vE '\.(c|h|md|yaml|json|txt|xml)$')
report 'scripts parse' "$complaints"

complaints=$(git grep -nE '\b(strcpy|strcat|sprintf|gets|strtok)\(' -- 'src/*.c' 'guests/*.c')
report 'no unbounded string functions' "$complaints"

complaints=$(git grep -nE '\b(TODO|FIXME|XXX|HACK)\b' -- src tests guests Makefile | grep -vE 'tests/lint.sh|XXXXXX')
report 'no marks of unfinished work' "$complaints"

exit $failed
