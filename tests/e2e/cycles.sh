#!/bin/bash
# Up and down again and again: the engine grows by nothing, and nothing is left. CYCLES of them; two hundred by hand:
# CYCLES=200 tests/e2e/cycles.sh
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
CYCLES=${CYCLES:-12}
cd "$WORK" || exit 1

cat >cunik-compose.yaml <<YAML
name: c
services:
  web:
    mem_limit: 16m
    scale: 2
    ports: ["80"]
    healthcheck: {test: [LOG, ready], interval: 1s, start_period: 60s}
    unikernel: {backend: unikraft, kernel: $PROBE}
YAML
cycle() { run cunik-compose up -d && run cunik-compose down; }
kib() { awk '/^RssAnon/ {print $2}' "/proc/$(engine_pid)/status"; }
descriptors() { find "/proc/$(engine_pid)/fd" -mindepth 1 | wc -l; }
threads() { find "/proc/$(engine_pid)/task" -mindepth 1 -maxdepth 1 | wc -l; }
children() { cat "/proc/$(engine_pid)/task/"*/children | wc -w; }
files() { find "$CUNIK_ROOT" -type f | wc -l; }

# What is made once is made by then.
for ((i = 0; i < 4; i++)); do cycle; done
engine=$(engine_pid)
memory=$(kib) first_fds=$(descriptors) first_threads=$(threads) first_files=$(files)
failed=0
for ((i = 0; i < CYCLES; i++)); do cycle || { failed=$((failed + 1)) && sed 's/^/# /' "$ERR"; }; done
check "$CYCLES cycles of up and down" test $failed = 0
check '… with one engine' test "$(engine_pid)" = "$engine"
same_descriptors() { [ "$(descriptors)" -le "$first_fds" ]; }
check '… which has no more descriptors' wait_until 20 same_descriptors
check '… no more threads' wait_until 20 test "$(threads)" -le "$first_threads"
check '… no children' test "$(children)" = 0
grown=$(($(kib) - memory))
echo "# memory $memory KiB, grown by $grown KiB in $CYCLES cycles; $first_fds descriptors"
# What the allocator keeps for a while, and a page for each cycle; a leaked world would be more.
check '… and hardly more memory' test $grown -lt $((1536 + CYCLES * 4))
check '… and as many files' test "$(files)" -le "$first_files"
check 'nothing is left' nothing_left

plan_tests_done
