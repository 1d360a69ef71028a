# shellcheck shell=bash
# Real Nix without a package set, a daemon or a store of its own on the machine. Sourced by the demo.

# nix_build_hook prints the setting that a Nix needs which was unpacked beside the machine's own: it does not find its build hook by itself, nor does
# it heed the setting in nix.conf.
nix_build_hook() {
    case "$(command -v nix)" in
        /usr/bin/*) ;;
        *) echo "build-hook = $(command -v nix) __build-remote" ;;
    esac
}

# nix_settings [LINE…] sets NIX_CONFIG for one of this machine's throw-away stores.
nix_settings() {
    NIX_CONFIG="experimental-features = nix-command
build-users-group =
$(nix_build_hook)
$nix_sandbox"
    local line
    for line in "$@"; do
        NIX_CONFIG+=$'\n'"$line"
    done
    export NIX_CONFIG
}

nix_sandboxed() {
    nix_sandbox="sandbox = true
sandbox-fallback = false
sandbox-paths = /bin/sh=$(readlink -f "$(command -v busybox)")"
}

# nix_find_way SCRATCH decides how this machine can build, by building: "own" (sandboxed, one store per builder) or "shared" (no
# namespaces: without a sandbox, in the machine's default store, which must be ours alone). Fails with what is missing.
nix_find_way() {
    local probe='derivation { name = "probe"; system = builtins.currentSystem; builder = "/bin/sh"; args = [ "-c" "echo > $out" ]; }'
    nix_sandboxed
    nix_settings "substituters ="
    if NIX_REMOTE="$1/store" nix-build --no-out-link -E "$probe" >"$1/probe.log" 2>&1; then
        nix_way=own
        return 0
    fi
    if [ "$(id -u)" != 0 ]; then
        echo "cannot build: Nix needs namespaces for a store of its own, and this user may not create them (missing privilege: unprivileged user namespaces, or run as root)" >&2
    elif [ -e /nix ]; then
        echo "cannot build: Nix needs namespaces for a store of its own, and this container may not create them (missing privilege: CAP_SYS_ADMIN);" >&2
        echo "the way without them uses the default store, but /nix already exists here and is not touched" >&2
    else
        nix_sandbox="sandbox = false"
        nix_way=shared
        return 0
    fi
    sed 's/^/  nix: /' "$1/probe.log" >&2
    return 1
}

# nix_forget_shared_store removes the default store that nix_find_way allowed us to make.
nix_forget_shared_store() {
    if [ "${nix_way:-}" = shared ]; then
        chmod -R u+w /nix 2>/dev/null || true
        rm -rf /nix
    fi
}
