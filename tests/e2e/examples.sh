#!/bin/bash
# examples/hello, and the guestbook as a person would use it: sign it, see the entry, change it, look at the plan.
. "$(dirname "$0")/lib.sh"

cd examples/hello || exit 1
check 'hello: up' expect 0 cunik-compose up -d --wait
check 'hello: answers' wait_until 10 answers http://127.0.0.1:8081/ 'hello from hello-hello-1'
check 'hello: down' expect 0 cunik-compose down

cd ../guestbook || exit 1
check 'guestbook: up' expect 0 cunik-compose up -d --wait --wait-timeout 120
check 'guestbook: the page' bash -c 'curl -sS http://127.0.0.1:8080/ | grep -q "<h1>"'
name=visitor-$RANDOM
check 'guestbook: sign' bash -c "curl -sS -o /dev/null --data-urlencode name=$name --data-urlencode message=wonderful http://127.0.0.1:8080/sign"
check 'guestbook: the entry is there' bash -c "curl -sS http://127.0.0.1:8080/ | grep -q $name"
check 'guestbook: a change of app is planned' bash -c 'GUESTBOOK_TITLE=Other cunik-compose plan >'"$OUT"
check 'guestbook: … with its reason' out_has 'environment.TITLE "Guestbook" → "Other"'
check 'guestbook: … and app alone' test "$(grep -c '^~ recreate' "$OUT")" = 1
check 'guestbook: stop hears the power button' bash -c 'time cunik-compose stop redis; cunik-compose logs --tail 20 redis | grep -qiE "power|shutdown|bye"'
check 'guestbook: down' expect 0 cunik-compose down
check 'nothing is left' nothing_left
plan_tests_done
