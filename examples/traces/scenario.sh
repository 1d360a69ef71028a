#!/usr/bin/env bash
# Two builders whose hooks sign what they build, and a third machine that verifies it: the commands of the README's section "Build traces", on one
# machine. Started by ./demo.sh --traces, and by the end-to-end tests.
#
#   scenario.sh WORK     WORK is an empty folder with a short name (it holds unix sockets)
#
# QUORATE and QUORATED are the programs to use. Exit codes: 0 all went as told, 1 it did not, 3 this machine does not let Nix build.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
root=$(readlink -f "$here/../..")
. "$root/eng/nix.sh"
. "$root/eng/services.sh"
work=$(readlink -f "$1")
export HOME="$work/home" TMPDIR="$work/tmp"
unset XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_RUNTIME_DIR NIX_REMOTE NIX_PATH NIX_CONFIG QUORATE_NODE
mkdir -p "$HOME" "$work/tmp" "$work/probe"

declare -A port

finish() {
    local code=$?
    set +e
    trap - EXIT INT TERM
    service_stop_all
    nix_forget_shared_store
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# readme_commands WORDS prints the indented block that follows the README's line that begins with these words.
readme_commands() {
    awk -v words="$1" '
        !found { if (index($0, words) == 1) found = 1; next }
        /^    / { print substr($0, 5); block = 1; next }
        block && NF { exit }
        block { print "" }
    ' "$root/README.md"
}

# machine NAME makes the folder in which this machine's commands run: its own Nix, and the checkout as its user sees it.
machine() {
    local dir="$work/$1"
    mkdir -p "$dir/etc"
    ln -s "${QUORATE:?}" "$dir/quorate"
    ln -s "${QUORATED:?}" "$dir/quorated"
    ln -s "$root/examples" "$dir/examples"
    {
        echo "build-users-group ="
        echo "substituters ="
        echo "$nix_sandbox"
    } >"$dir/etc/nix.conf"
}

# on NAME SCRIPT runs commands on a machine.
on() {
    local dir="$work/$1"
    (
        cd "$dir"
        export NIX_CONF_DIR="$dir/etc"
        [ "$nix_way" = shared ] || export NIX_REMOTE="$dir/store"
        [ -z "$(nix_build_hook)" ] || export NIX_CONFIG="$(nix_build_hook)"
        bash -euo pipefail -c "$2"
    )
}

# runnable NAME turns a builder's commands into what a script can run: its own name and port, and after the node's line what a person does without typing
# it, that is to wait until it answers and to remember what to stop.
runnable() {
    local line
    while IFS= read -r line; do
        case "$line" in
            "name="*) echo "name=$1 listen=http://127.0.0.1:${port[$1]}" ;;
            "./quorated "*" &")
                echo "${line%&}>node.log 2>&1 </dev/null &"
                echo 'echo $! >node.pid'
                echo 'until ./quorate log list --node "unix://$PWD/$name/state/control.socket" >/dev/null 2>&1; do kill -0 "$!"; [ "$SECONDS" -lt 60 ]; sleep 0.1; done'
                ;;
            *) printf '%s\n' "$line" ;;
        esac
    done
}

builder() {
    local name="$1" commands log="$work/$1/commands.log" failed=
    commands=$(readme_commands "On each of two builders")
    [ -n "$commands" ] || { echo "the README has no commands for builders" >&2; return 1; }
    port[$name]=$(free_port)
    machine "$name"
    say "On $name's machine:"
    sed "s|^name=.*|name=$name listen=http://127.0.0.1:${port[$name]}|; s/^/    /" <<<"$commands"
    on "$name" "$(runnable "$name" <<<"$commands")" >"$log" 2>&1 || failed=1
    [ ! -s "$work/$name/node.pid" ] || service_pids+=("$(cat "$work/$name/node.pid")")
    if [ -n "$failed" ]; then
        { tail -n 30 "$log" | sed 's/^/  | /'; echo "not as expected: $name's commands; logs of all programs: $work"; } >&2
        return 1
    fi
    say "  $(on "$name" "./quorate log list --node unix://\$PWD/$name/state/control.socket" | grep -- '-traces')"
    say ""
    if [ "$nix_way" = shared ]; then
        # The next machine must not find this one's results.
        nix_forget_shared_store
    fi
}

say() { printf '%s\n' "$*"; }

nix_find_way "$work/probe" || exit 3
unset NIX_CONFIG
nix_forget_shared_store

for name in alice bob; do
    builder "$name" || exit 1
done

machine third
cp "$work/alice/alice/alice-claims.public" "$work/bob/bob/bob-claims.public" "$work/third"
commands=$(readme_commands "On the third machine" |
    sed -e "s|http://alice.example:8090|http://127.0.0.1:${port[alice]}|; s|http://bob.example:8090|http://127.0.0.1:${port[bob]}|")
[ -n "$commands" ] || { echo "the README has no commands for the third machine" >&2; exit 1; }
say "On the third machine, which has built nothing:"
sed 's/^/    /' <<<"$commands"
code=0
on third "$commands" >"$work/third/report.txt" 2>"$work/third/commands.log" || code=$?
sed 's/^/  /' "$work/third/report.txt"
if [ "$code" != 0 ]; then
    { sed 's/^/  | /' "$work/third/commands.log"; echo "not as expected: the closure does not verify (exit status $code)"; } >&2
    exit 1
fi
say ""

say "The same without bob's claims:"
code=0
alone=$(grep '^\./quorate nix verify' <<<"$commands" | sed "s| --source http://127.0.0.1:${port[bob]}||")
on third "$alone" >"$work/third/alone.txt" 2>>"$work/third/commands.log" || code=$?
head -n 2 "$work/third/alone.txt" | sed 's/^/  /'
[ "$code" = 2 ] || { echo "not as expected: exit status $code, not 2 (rejected)" >&2; exit 1; }
say ""
say "traces: OK"
