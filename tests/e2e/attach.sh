#!/bin/bash
# attach, run -i and -t, start -a: consoles both ways, with the probe guest and with a program of a Linux guest.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
cd "$WORK" || exit 1
cp "$PROBE" probe.elf

has() { grep -qaF -- "$2" "$1"; }

# Someone at a keyboard: at NAME COMMAND... begins, keys NAME TEXT types, shown NAME TEXT waits until it is seen.
declare -A SOMEONE
at() {
    local name=$1
    shift
    mkfifo "$name.keys"
    script -qefc "$*" /dev/null <"$name.keys" >"$name.seen" 2>&1 &
    SOMEONE[$name]=$!
    eval "exec {KEYS_$name}>$name.keys"
}
keys() {
    local fd=KEYS_$1
    printf "$2" >&"${!fd}"
}
shown() { wait_until 60 has "$1.seen" "$2"; }
# leaves NAME STATUS: it has ended so.
leaves() {
    local fd=KEYS_$1
    wait "${SOMEONE[$1]}"
    STATUS=$?
    exec {fd}>&-
    eval "exec {KEYS_$1}>&-"
    cp "$1.seen" "$OUT"
    [ "$STATUS" = "$2" ]
}

# A pipe
mkfifo lines
timeout 120 cunik run -i --name piped -m 16m --network none --backend unikraft ./probe.elf echo <lines >piped.out 2>piped.err &
pid=$!
exec 3>lines
check 'run -i shows what the guest writes' wait_until 60 has piped.out 'probe: booted'
echo hello >&3
check '… and types what comes on standard input' wait_until 60 has piped.out 'echo: hello'
yes '0123456789abcdefghijklmnopqrstuvwxyz' | head -n 200 >&3
printf 'last\n' >&3
check '… however much it is' wait_until 60 has piped.out 'echo: last'
check '… all of it' equal "$(grep -cx 'echo: 0123456789abcdefghijklmnopqrstuvwxyz' piped.out)" 200
exec 3>&-
check 'the end of standard input ends nothing' is piped running
check 'a cunik that runs is attached to' expect 124 timeout 1 cunik attach --no-stdin piped
check 'kill ends it' expect 0 cunik kill piped
wait $pid
check '… and run returns with its status' equal $? "$(cunik inspect piped | jq .[0].status.exit_code)"
check 'what does not run is not attached to' expect 1 cunik attach piped
check '… and says so' err_has "'piped' is exited"
check 'a name that is none' expect 1 cunik attach nobody
check '… is said' err_has 'no such cunik: nobody'
check 'keys that are none' expect 2 cunik attach --detach-keys ctrl-1 piped
check '… are said' err_has "option '--detach-keys' takes keys"

# A terminal
at one cunik run -it --name term -m 16m --network none --backend unikraft ./probe.elf echo
check 'run -it' shown one 'probe: booted'
keys one 'first\r'
check '… types key by key' shown one 'echo: first'
keys one '\003\r'
check '… interrupts as well' shown one $'echo: \003'
at two "cunik attach --detach-keys x,y term; stty"
keys two 'x1\r'
check 'another one is attached' shown two 'echo: x1'
check '… and both see all' shown one 'echo: x1'
keys two 'xy'
check '… and leaves by keys of its own' leaves two 0
check '… which says so' out_has "left 'term', which goes on"
check '… with the terminal as it was' not grep -q -- '-echo\b\|-icanon' two.seen
keys one '\020\021'
check 'the usual keys leave' leaves one 0
check '… and the guest goes on' is term running
at three cunik attach term
keys three 'exit 0\r'
check 'its end ends attach' leaves three 0
check '… behind its last words' out_has 'exiting with 0'

# Interrupts
check 'start' expect 0 cunik start term
cunik attach --no-stdin --sig-proxy=false term >att.out 2>&1 &
pid=$!
cunik attach --no-stdin term >att2.out 2>&1 &
other=$!
timeout 60 cunik attach term < <(echo seen; sleep 60) >/dev/null 2>&1 &
typist=$!
check 'two are attached' wait_until 60 has att.out 'echo: seen'
check '… both' wait_until 60 has att2.out 'echo: seen'
kill -INT $pid
wait $pid
check 'an interrupt that is not passed on leaves the guest alone' is term running
kill -TERM $other
wait $other
check 'one that is stops it' is term exited
wait $typist
check 'all who were attached have returned' test -z "$(jobs -r)"

check 'start -a' expect 0 timeout 60 cunik create --name again -m 16m --network none --backend unikraft ./probe.elf exit=0 say=bye
check '… shows the console from the start' expect 0 timeout 60 cunik start -a again
check '… to the end' out_has 'exiting with 0'
check '… again' expect 0 timeout 60 cunik start --attach again
check '… without what it wrote before' equal "$(grep -c 'probe: booted' "$OUT")" 1

# A Linux program, by compose
cat >stack.yaml <<END
name: shell
services:
  lua:
    mem_limit: 128m
    network_mode: none
    command: [lua5.4, -i]
    unikernel:
      backend: linux
      kernel: $ROOT_DIR/build/guests/linux/vmlinux
      initrd: $ROOT_DIR/build/guests/app.cpio
END
check 'a stack' expect 0 cunik-compose -f stack.yaml up -d
prompts() { cunik logs shell-lua-1 | grep -qF 'Lua 5.4'; }
check 'its program runs' wait_until 120 prompts
at four cunik-compose -f stack.yaml attach lua
keys four 'print(6*7, "x".."y")\r'
check 'compose attach types to a program' shown four $'42\txy'
keys four 'while true do end\r'
check '… as at a terminal' shown four 'while true do end'
keys four '\003'
check '… where interrupts reach it' shown four 'interrupted!'
keys four 'os.exit(0)\r'
check '… until it ends' leaves four 0
check '… by itself' out_has 'lua5.4 exited with status 0'
check 'a service without copies' expect 1 cunik-compose -f stack.yaml attach --index 2 lua
check '… is said' err_has "service 'lua' has no copy that is there"
check 'down' expect 0 cunik-compose -f stack.yaml down
check 'remove' expect 0 cunik rm -f piped term again
check 'nothing is left' nothing_left
plan_tests_done
