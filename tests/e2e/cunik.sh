#!/bin/bash
# cunik: the engine without a stack file.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
cd "$WORK" || exit 1
cp "$PROBE" probe.elf


echo 'no disk' >broken.qcow2
check 'a run that fails' expect 1 cunik run -d --name bad -m 16m -p 127.0.0.1::80 --disk ./broken.qcow2 --backend unikraft ./probe.elf
check '… says why' err_has "creating 'bad'"
check '… and leaves nothing' nothing_left
check '… not even its name' equal "$(cunik list -aq)" ''

check 'help' expect 0 cunik help
check '… names every verb' bash -c 'for v in run create start stop restart kill pause unpause remove rm list ps info inspect logs attach wait stats top port rename update events version; do grep -q "^  $v\b" "$1" || { echo "$v"; exit 1; }; done' - "$OUT"
check 'version' expect 0 cunik version --format json
check '… as JSON' equal "$(jq -r '.version | type' "$OUT")" string
check 'info' expect 0 cunik info --format json
check '… as system info' same "$(cunik system info --format json | jq -r .version)" "$(jq -r .version "$OUT")"

check 'run' expect 0 cunik run -d --name one -m 16m -p 127.0.0.1::80 -e GREETING=hello -l tier=front --backend unikraft ./probe.elf
check '… prints the name' out_is one
check '… and the guest runs' is one running
check '… with its environment' test "$(cunik inspect one | jq -r '.[0].environment.GREETING')" = hello
check 'its port is told' expect 0 cunik port one 80
address=$(cat "$OUT")
check '… and answers' wait_until 20 fetch "http://$address/"
check 'a port that is not published is none' expect 1 cunik port one 81
check 'a name that is taken is refused' expect 1 cunik run -d --name one --backend unikraft ./probe.elf
check '… by name' err_has "the name 'one' is taken"
check 'what is no path is an image' expect 1 cunik run -d --pull never nginx
check '… and says so' err_has "no such image: nginx"

check 'create does not start' expect 0 cunik create --name two -m 16m --network none --backend unikraft ./probe.elf exit=0 say=bye
check '… it' is two created
check 'list shows what runs' expect 0 cunik list -q
check '… alone' out_is one
check 'list -a shows all' expect 0 cunik list -a -q
check '… of it' out_is "$(printf 'one\ntwo')"
check 'a filter chooses' expect 0 cunik ps -q --filter label=tier --filter status=running
check '… by all of its keys' out_is one

timeout 60 cunik wait two >waited 2>&1 &
waiting=$!
check 'start' expect 0 cunik start two
wait $waiting
check 'wait prints what it ended with' test "$(cat waited)" = 0

check 'logs' expect 0 cunik logs --since 10m one
check '… of a time' out_has 'probe: booted'
check '… alone' expect 0 cunik logs --until 10m one
check '… and of no other' out_is ''
check 'stop' expect 0 cunik stop -t 0 one
check '… stops' is one exited
check 'restart' expect 0 cunik restart one
check '… starts' is one running
check 'update changes what is asked for' expect 0 cunik update --restart always one
check '… in place' test "$(cunik inspect one | jq -r '.[0].restart')" = always
check 'what runs is not removed' expect 1 cunik rm one
check '… and says how' err_has "'one' is running: stop it first, or use --force"
check 'kill' expect 0 cunik kill one
check '… ends it' is one exited
check 'events know of it' expect 0 cunik events --since 10m --until 0s --filter cunik=one --filter event=exited
check '… by name' out_has 'cunik one exited'

check 'networks are listed' expect 0 cunik network ls -q
check '… all' out_is one_default
check 'a network in use is kept' expect 1 cunik network rm one_default
check '… by those who are on it' err_has "network 'one_default' has 1 cunik on it"
check 'inspect tells who is on a network' test "$(cunik network inspect one_default | jq -r '.[0].cuniks | keys[0]')" = one
check 'df' expect 0 cunik system df --format json
check '… tells what cuniks boot' test "$(jq -r 'any(.[]; .type == "cuniks" and .files > 0)' "$OUT")" = true

# One copy of a service
cat >stack.yaml <<END
name: many
services:
  web:
    scale: 2
    mem_limit: 16m
    unikernel: {backend: unikraft, kernel: $PROBE}
END
check 'a stack' expect 0 cunik-compose -f stack.yaml up -d
check 'stats' expect 0 cunik stats --no-stream --format json many-web-1
check '… tell what it uses' test "$(jq -r '.memory > 0 and .threads > 0' "$OUT")" = true
check '… and what memory it has' equal "$(jq .memory_limit "$OUT")" $((16 << 20))
timeout 60 cunik stats --format json many-web-1 >live &
live=$!
lines() { [ "$(wc -l <live)" -ge 3 ]; }
check '… live' wait_until 50 lines
kill $live
check '… as time goes on' equal "$(jq -s '.[0].time_ns < .[1].time_ns and .[1].time_ns < .[2].time_ns' live)" true
check 'as a table' expect 0 cunik stats --no-stream
check '… of all that run' out_has many-web-2
check 'top shows threads' expect 0 cunik top many-web-1
check '… by name' out_has qemu
check '… of what runs' expect 1 cunik top one
check 'pause' expect 0 cunik pause many-web-1
check '… holds it still' wait_until 10 is many-web-1 paused
check 'unpause' expect 0 cunik unpause many-web-1
check '… lets it go on' wait_until 10 is many-web-1 running
check 'what does not run is not paused' expect 1 cunik pause one
check '… and says so' err_has "'one' is exited"
check 'one copy stops' expect 0 cunik stop -t 0 many-web-2
check '… alone' is many-web-1 running
check '… and stays stopped' is many-web-2 exited
check 'one copy is removed' expect 0 cunik rm many-web-2
check '… alone' test "$(cunik list -a -q --filter stack=many)" = many-web-1
check 'up brings it back' expect 0 cunik-compose -f stack.yaml up -d
check '… as it was' is many-web-2 running

run timeout 60 cunik run --rm --name three -m 16m --network none --backend unikraft ./probe.elf exit=0 say=bye
check 'run follows what the guest writes' out_has bye
check '… and removes it when asked' test -z "$(cunik list -a -q --filter name=three)"

# Renaming
check 'a network for two' expect 0 cunik run -d --name six -m 16m --backend unikraft ./probe.elf echo
check 'rename' expect 0 cunik rename six blue
check '… says how it is called' out_is blue
check '… and is so listed' equal "$(cunik list -q --filter name=blue)" blue
check '… by no other name' expect 1 cunik stop six
check 'no name is none to give' expect 2 cunik rename blue ''
check '… which is free' expect 0 cunik run -d --name six -m 16m --network six_default --backend unikraft ./probe.elf get=http://blue/
six_says() { cunik logs six | grep -qF "$1"; }
check 'its new name is known to others' wait_until 60 six_says 'get http://blue/: 200 hello from six'
address() { cunik inspect "$1" | jq -r '.[0].networks[0].address'; }
check '… and its old one is the other one' equal "$(fetch "http://$(address blue)/resolve?six")" "$(address six)"
check 'a name that is taken' expect 1 cunik rename six blue
check '… is refused' err_has "the name 'blue' is taken by cunik 'blue'"
check 'logs, by the new name' expect 0 cunik logs blue
check '… are its own' out_has 'probe: booted'
check 'typed to, by the new name' expect 0 timeout 60 bash -c 'cunik attach blue < <(echo "exit 0"; sleep 60)'
check '… as well' out_has 'echo: exit 0'
check 'start, by the new name' expect 0 cunik start blue
check 'stats, by the new name' expect 0 cunik stats --no-stream blue
check '… show it' out_has blue
check 'pause, by the new name' expect 0 cunik pause blue
check '… and back' expect 0 cunik unpause blue
check 'it stays when it is updated' expect 0 cunik update --restart always blue
check '… called so' out_is blue
check 'wait, by the new name' expect 124 timeout 1 cunik wait blue
check 'its old name may come back' expect 0 cunik rename six green
check '… to it' expect 0 cunik rename blue six
check '… as it was' equal "$(cunik list -q --filter name=six)" six
check 'remove both' expect 0 cunik rm -f green six
check '… all of them' equal "$(cunik list -aq --filter name=six)$(cunik list -aq --filter name=green)" ''
check 'what a stack names is not renamed' expect 1 cunik rename many-web-1 other
check '… and says why' err_has 'say container_name there'

healthy() { [ "$(cunik list -q --filter health="$2" --filter name="$1")" = "$1" ]; }
check 'run with a healthcheck' expect 0 cunik run -d --name five -m 16m --network none --health-cmd "test -e $WORK/well" \
    --health-interval 100ms --health-start-interval 20ms --health-timeout 10s --health-retries 2 --backend unikraft ./probe.elf
touch well
check '… that it passes' wait_until 60 healthy five healthy
rm well
check '… and fails, as often as it may' wait_until 60 healthy five unhealthy
# What is kept: a disk by its name, a folder and a file of this host.
mkdir folder
echo 'a file of the host' >motd
lua() { # lua NAME PROGRAM OPTION...
    timeout 150 cunik run --name "$1" --network none -m 128m "${@:3}" --backend linux --kernel "$ROOT_DIR/build/guests/linux/vmlinux" \
        --initrd "$ROOT_DIR/build/guests/app.cpio" /usr/bin/lua5.4 -e "$2"
}
check 'run with volumes' expect 0 lua writer '
    print(io.open("/etc/note"):read("a"))
    for _, path in ipairs{"/data/note", "/folder/note"} do local f = assert(io.open(path, "w")) f:write("kept") f:close() end' \
    -v notes:/data --volume ./folder:/folder -v ./motd:/etc/note
check '… is told what it cannot write to' err_has "the guest gets a copy of the file '$WORK/motd', which it cannot write to"
check '… finds a file of the host' out_has 'a file of the host'
check '… and writes to a folder of it' equal "$(cat folder/note)" kept
check 'a volume that somebody has is not removed' expect 1 cunik volume rm notes
check '… and says by whom' err_has "the volume 'notes' is used by writer"
check 'rm' expect 0 cunik rm writer
check '… leaves the volume' equal "$(cunik volume ls -q)" notes
check '… which is no stack'"'"'s' equal "$(cunik volume inspect notes | jq -r '.[0].stack // ""')" ''
check 'another one has it, only to read' expect 0 lua reader '
    print("it is " .. io.open("/data/note"):read("a"))
    print(io.open("/data/note", "w"))' --rm -v notes:/data:ro
check '… and finds what was written' out_has 'it is kept'
check '… and does not write to it' out_has 'Read-only file system'
check '--rm leaves the volume' equal "$(cunik volume ls -q)" notes
check 'create with a volume' expect 0 cunik create --name keeper --network none -v notes:/data -v /own \
    --backend linux --kernel "$ROOT_DIR/build/guests/linux/vmlinux" --initrd "$ROOT_DIR/build/guests/app.cpio"
check '… and one of its own' equal "$(cunik inspect keeper | jq -c '[.[0].volumes[] | [.type, (.source | sub("-[0-9a-f]{12}$"; "")), .target]]')" \
    '[["volume","notes","/data"],["volume","keeper_keeper-1","/own"]]'
check '… and an update' expect 0 cunik update --memory 130m keeper
check '… keeps them' equal "$(cunik inspect keeper | jq -c '.[0] | [.mem_limit, (.volumes | length)]')" '[136314880,2]'
check '… removed' expect 0 cunik rm keeper
check '… leaves both' equal "$(cunik volume ls -q | wc -l)" 2
check 'a volume at no path' expect 2 cunik run -d --name bad -v notes:data --backend unikraft ./probe.elf
check '… is refused' err_has "option '--volume' takes [NAME|PATH:]TARGET[:ro], not 'notes:data': the target must be an absolute path"
check 'a folder that is not there' expect 2 cunik run -d --name bad -v ./nowhere:/data --backend linux --kernel "$ROOT_DIR/build/guests/linux/vmlinux"
check '… is named' err_has "'$WORK/nowhere': No such file or directory"
check 'prune takes what has no name' expect 0 cunik volume prune --force
check '… alone' equal "$(cunik volume ls -q)" notes
check 'volume rm takes the other' expect 0 cunik volume rm notes
check 'remove by force' expect 0 cunik remove --force one two five
check 'prune takes what does not run' expect 0 cunik kill many-web-1
check '… alone' expect 0 cunik system prune --force
check '… by name' out_is many-web-1
check 'down' expect 0 cunik-compose -f stack.yaml down
check 'nothing is left' nothing_left

# Volumes without a name go with what has them, when that is asked for; others stay.
with_volumes() { cunik "$@" -m 16m --network none --backend linux -v /own -v kept:/kept ./probe.elf exit=0; }
check 'run --rm with a volume without a name' with_volumes run --rm --name v
check '… takes it along, and no other' equal "$(cunik volume ls -q)" kept
check 'one that stays' with_volumes create --name v
check '… is removed' expect 0 cunik rm v
check '… without its volume' equal "$(cunik volume ls -q | wc -l)" 2
check 'another one' with_volumes create --name w
check '… is removed with it' expect 0 cunik rm -v w
check '… and with nobody else'"'"'s' equal "$(cunik volume ls -q | paste -sd' ')" "kept $(cunik volume ls -q | grep ^v_)"
check 'prune takes the one that was left' expect 0 cunik volume prune --force
check 'volume rm takes the other' expect 0 cunik volume rm kept
check 'nothing is left' nothing_left

# Networks whose cuniks have gone one by one.
left_alone() { # all copies are removed, and the network is still there
    expect 0 cunik-compose -f stack.yaml up -d && expect 0 cunik rm --force many-web-1 many-web-2 &&
        expect 0 cunik network ls -q && out_is many_default && ip -o link show | grep -q ': ckb'
}
check 'a network without cuniks' left_alone
check '… is not removed by another name' expect 1 cunik network rm many_defualt
check '… which is corrected' err_has "no such network: many_defualt; did you mean 'many_default'?"
check '… is removed by its own' expect 0 cunik network rm many_default
check '… which is told' out_is many_default
check '… with its bridge, its names and its rules' nothing_left
check 'another one' left_alone
check 'prune asks first' expect 130 cunik network prune </dev/null
check '… and without an answer removes nothing' bash -c 'test "$(cunik network ls -q)" = many_default'
check 'prune removes it' expect 0 cunik network prune --force
check '… which is told' out_is many_default
check '… wholly' nothing_left
check 'prune with nothing to remove' expect 0 cunik network prune --force
check '… says nothing' out_is ''
plan_tests_done
