#!/usr/bin/env bash
# Four builders, one consumer, real Nix. Started by ./demo.sh, and by the end-to-end tests, which look at what it leaves behind.
#
#   scenario.sh WORK     WORK is an empty folder with a short name (it holds unix sockets)
#
# QUORATE and QUORATED are the programs to use. QUORATE_DEMO_STAY=1 keeps everything running until Enter is pressed.
# Exit codes: 0 all went as told, 1 it did not, 3 this machine does not let Nix build.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
. "$here/../../eng/nix.sh"
. "$here/../../eng/services.sh"
work=$(readlink -f "$1")
builders=(alice bob chuck dan)
rule="3 of (alice, bob, chuck, dan)"
export HOME="$work/home" TMPDIR="$work/tmp"
unset XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_RUNTIME_DIR NIX_REMOTE NIX_PATH
mkdir -p "$HOME" "$work/tmp"

declare -A cache_port node_port node_pid cache_pid path

finish() {
    local code=$?
    # Every part of the clean-up is tried, whatever became of the part before.
    set +e
    trap - EXIT INT TERM
    service_stop_all
    nix_forget_shared_store
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '%s\n' "$*"; }
quorate() { "${QUORATE:?}" "$@"; }

# expect WHAT COMMAND…: the story stops at the first thing that is not as told.
expect() {
    local what="$1"
    shift
    if ! "$@" >>"$work/commands.log" 2>&1; then
        {
            echo "not as expected: $what"
            echo "command: $*"
            tail -n 20 "$work/commands.log" | sed 's/^/  | /'
            echo "logs of all programs: $work"
        } >&2
        exit 1
    fi
}

fails() { ! "$@"; }

# ---- builders ------------------------------------------------------------------------------------------------------------------

control() { echo "unix://$work/$1/control.socket"; }

# in_store BUILDER COMMAND… runs a Nix command in that builder's store.
in_store() {
    local builder="$1"
    shift
    if [ "$nix_way" = own ]; then
        NIX_REMOTE="$work/$builder/store" "$@"
    else
        "$@"
    fi
}

# nix-store opens a store even where it needs none, and would make the default one.
make_cache_key() { NIX_REMOTE="$work/probe/store" nix-store --generate-binary-cache-key "$1" "$2.secret" "$2.public"; }

start_cache() {
    local name="$1"
    for _ in 1 2 3 4 5; do
        cache_port[$name]=$(free_port)
        service_start "$work/$name/cache.log" busybox httpd -f -p "127.0.0.1:${cache_port[$name]}" -h "$work/$name/cache"
        cache_pid[$name]=$service_pid
        wait_for 10 "$name's cache" port_answers "${cache_port[$name]}" && kill -0 "$service_pid" 2>/dev/null && return 0
    done
    return 1
}

start_builder() {
    local name="$1" dir="$work/$1"
    mkdir -p "$dir/cache"
    start_cache "$name"
    quorate key new "$dir/$name.key" >"$dir/key.txt"
    node_port[$name]=$(free_port)
    cat >"$dir/quorate.yaml" <<YAML
# One builder: a log of what it built, signed with its own key.
node:
  state: state
  listen: [http://127.0.0.1:${node_port[$name]}]
  control: $(control "$name")
signers:
  $name: { type: ed25519, path: $name.key }
publish:
  - { name: $name, protocol: nix, signer: $name, meta: { upstream: http://127.0.0.1:${cache_port[$name]} } }
YAML
    service_start "$dir/node.log" "${QUORATED:?}" --config "$dir/quorate.yaml"
    node_pid[$name]=$service_pid
}

node_ready() { quorate log list --node "$(control "$1")"; }

install_hook() {
    # The demo's logs have no publish filter, which has to be said.
    quorate nix hook install --publish-all --node "$(control "$1")" --log "$1" --output "$work/$1/hook" >"$work/$1/hook.txt" 2>&1
    if [ "$1" = chuck ]; then
        cp "$here/tamper.sh" "$work/chuck/tamper"
    fi
}

build_as() {
    local name="$1" dir="$work/$1" hook=hook
    [ "$name" != chuck ] || hook=tamper
    make_cache_key "$name-cache-1" "$dir/cache" || return
    nix_settings "substituters =" "post-build-hook = $dir/$hook" "secret-key-files = $dir/cache.secret"
    in_store "$name" nix-build --no-out-link "$here/graph.nix" >"$dir/outputs.txt" 2>"$dir/build.log" || return
    # On a busy machine a hook may have run out of its second.
    quorate nix hook flush --path "$dir/hook" >>"$dir/build.log" 2>&1 || return
    # shellcheck disable=SC2046 # store paths have no spaces
    in_store "$name" nix copy --to "file://$dir/cache" $(cat "$dir/outputs.txt") 2>>"$dir/build.log" || return
    if [ "$nix_way" = shared ]; then
        # The next builder must not find this one's results.
        mkdir -p "$dir/store/nix"
        cp -a /nix/store "$dir/store/nix/store"
        nix_forget_shared_store
    fi
}

# logs_with_five NODE ROLE prints how many of its logs have five entries.
logs_with_five() {
    quorate log list --node "$(control "$1")" --json | tr -d ' \n' | sed 's/{"name":/\n&/g' | grep "\"role\":\"$2\"" | grep -c '"treeSize":5[,}]'
}

all_logged() { [ "$(logs_with_five "$1" published)" = 1 ]; }

# ---- consumer ------------------------------------------------------------------------------------------------------------------

start_consumer() {
    local dir="$work/consumer" name
    mkdir -p "$dir"
    make_cache_key quorum-1 "$dir/gate"
    node_port[consumer]=$(free_port)
    gate_port=$(free_port)
    {
        cat <<YAML
# The consumer: believes what three of its four builders agree on.
node:
  state: state
  listen: [http://127.0.0.1:${node_port[consumer]}]
  control: $(control consumer)
follow:
YAML
        for name in "${builders[@]}"; do
            echo "  - { builder: $name, protocol: nix, key: \"$(quorate key show "$work/$name/$name.key" --public)\", remotes: [http://127.0.0.1:${node_port[$name]}], poll: 1s }"
        done
        # Chuck's cache comes first: honest bytes must not be a matter of luck.
        cat <<YAML
trust:
  nix: { rule: "$rule" }
gate:
  nix:
    listen: http://127.0.0.1:$gate_port
    signing_key: gate.secret
    upstreams:
      - http://127.0.0.1:${cache_port[chuck]}
      - http://127.0.0.1:${cache_port[alice]}
      - http://127.0.0.1:${cache_port[bob]}
      - http://127.0.0.1:${cache_port[dan]}
YAML
    } >"$dir/quorate.yaml"
    service_start "$dir/node.log" "${QUORATED:?}" --config "$dir/quorate.yaml"
    node_pid[consumer]=$service_pid
}

consumer_synced() { [ "$(logs_with_five consumer mirror)" = 4 ]; }

# as_consumer STORE COMMAND… : a Nix that asks nobody but the gate, believes nobody but the gate's key, and cannot build.
as_consumer() {
    local store="$1"
    shift
    nix_settings "substituters = http://127.0.0.1:$gate_port" "trusted-public-keys = $(cat "$work/consumer/gate.public")" \
        "require-sigs = true" "max-jobs = 0" "narinfo-cache-negative-ttl = 0"
    NIX_REMOTE="$work/consumer/$store" "$@"
}

content() { cat "$work/$1/nix/store/$(basename "$2")"; }

# ---- the story -----------------------------------------------------------------------------------------------------------------

began=$SECONDS
mkdir -p "$work/probe"
nix_find_way "$work/probe" || exit 3
if [ "$nix_way" = shared ]; then
    say "(No namespaces here: the builders build one after another, in a default store that is removed at the end.)"
fi

for name in "${builders[@]}"; do
    start_builder "$name"
done
for name in "${builders[@]}"; do
    wait_for 30 "$name's node" node_ready "$name" || {
        tail -n 20 "$work/$name/node.log" >&2
        exit 1
    }
    install_hook "$name"
done
say "Four builders, each with its own node, store and cache, build the same five derivations:"
for name in "${builders[@]}"; do
    build_as "$name" || {
        tail -n 20 "$work/$name/build.log" >&2
        exit 1
    }
    wait_for 30 "five entries in $name's log" all_logged "$name"
    say "  $name built 5 paths; Nix's post-build hook put 5 claims into $name's log"
done
# attribute order of the graph: greeter lottery wallet welcome words
for out in $(cat "$work/alice/outputs.txt"); do
    path[${out#*-}]=$out
done

start_consumer
wait_for 30 "the consumer's copies of four logs" consumer_synced || {
    tail -n 20 "$work/consumer/node.log" >&2
    exit 1
}
say ""
say "The consumer follows the four logs, checks every hash in them, and trusts: $rule"
say ""

say "1. nix-store -r ${path[welcome]}"
expect "the agreed closure installs" as_consumer store nix-store -r "${path[welcome]}"
for name in welcome greeter words; do
    expect "$name is alice's, byte for byte" cmp "$work/consumer/store${path[$name]}" "$work/alice/store${path[$name]}"
done
say "   installed, with all it refers to (welcome, greeter, words): all four agree."
say ""

say "2. nix-store -r ${path[lottery]}"
expect "the irreproducible path is refused" fails as_consumer store nix-store -r "${path[lottery]}"
expect "nothing of it is in the store" fails test -e "$work/consumer/store${path[lottery]}"
say "   refused: no two builders agree. quorate why says:"
quorate why "${path[lottery]}" --node "$(control consumer)" 2>&1 | sed 's/^/     /' || true
say ""

say "3. nix copy --from the gate ${path[wallet]}"
expect "chuck really lies" fails cmp "$work/alice/store${path[wallet]}" "$work/chuck/store${path[wallet]}"
expect "the honest bytes install" as_consumer store nix copy --from "http://127.0.0.1:$gate_port" "${path[wallet]}"
expect "they are alice's" cmp "$work/consumer/store${path[wallet]}" "$work/alice/store${path[wallet]}"
say "   chuck's cache, asked first, has:  $(content chuck/store "${path[wallet]}" | head -n 1)"
say "   installed:                        $(content consumer/store "${path[wallet]}" | head -n 1)"
say ""

service_stop "${node_pid[alice]}" "${cache_pid[alice]}"
say "4. alice's node and cache are switched off; a fresh store asks again"
expect "alice is gone" fails port_answers "${node_port[alice]}"
expect "it still installs without alice" as_consumer store2 nix-store -r "${path[welcome]}" "${path[wallet]}"
expect "the same bytes" cmp "$work/consumer/store2${path[wallet]}" "$work/consumer/store${path[wallet]}"
expect "and still refuses" fails as_consumer store2 nix-store -r "${path[lottery]}"
say "   installed: what alice signed keeps counting, and every byte can be had elsewhere."
say ""

say "demo: OK ($((SECONDS - began)) s)"
if [ "${QUORATE_DEMO_STAY:-}" = 1 ]; then
    say ""
    say "Everything but alice is still running. To look further, in another terminal:"
    say "  export QUORATE_NODE=$(control consumer)"
    for name in welcome lottery wallet; do
        say "  $QUORATE why ${path[$name]}"
    done
    say "  $QUORATE log list"
    say "  $QUORATE log entries chuck"
    say "  cat $work/consumer/quorate.yaml"
    say "Press Enter to end it."
    read -r _ || true
fi
