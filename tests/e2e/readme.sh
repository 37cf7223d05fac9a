#!/bin/bash
# Every command of the README is run, in its order: the lines of its ```sh blocks. `make check` is what runs this
# test, and is left out.

# What is fetched from Debian comes before the namespace, which has no way out; inside it is found again.
if [ -z "${CUNIK_TEST_NAMESPACE:-}" ]; then
    cd "$(dirname "$0")/../.." || exit 1
    make -s guests-linux >&2
    sed -n 's|^guests/linux/pack |&|p' README.md | while read -r command; do
        bash -c "$command" >&2
    done
fi
. "$(dirname "$0")/lib.sh"

cd "$ROOT_DIR" || exit 1
while read -r command; do
    case $command in
    'make check') continue ;;
    esac
    check "README: $command" expect 0 bash -c "$command"
    case $command in
    'make demo') check 'the demo shows the guestbook page' out_has '<h1>' ;;
    esac
done < <(awk '/^```sh$/ {inside = 1; next} /^```/ {inside = 0} inside' README.md)
check 'nothing is left' nothing_left
plan_tests_done
