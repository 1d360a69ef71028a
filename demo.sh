#!/usr/bin/env bash
# The main job, watched: real Nix installs what three of four builders agree on, and refuses what they do not agree on. Or build traces, watched.
set -euo pipefail
root=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
. "$root/eng/debian.sh"
. "$root/eng/build.sh"

usage() {
    cat <<'TXT'
usage: ./demo.sh [--traces] [--stay] [--keep DIR]
  --traces     play the README's section "Build traces": two builders' hooks sign, a third machine verifies
  --stay       keep all nodes running at the end, until Enter is pressed, and say what to look at
  --keep DIR   leave the stores, caches, logs and configurations in DIR (a new folder with a short name)
Needs the .NET SDK 10; from Debian: libsodium23 nix-bin busybox-static (installed when run as root; QUORATE_NO_APT=1 only names them).
Exit codes: 0 ok, 1 something is not as told, 3 this machine does not let Nix build.
TXT
}

keep=
play=demo
while [ $# -gt 0 ]; do
    case "$1" in
        --traces) play=traces ;;
        --stay) export QUORATE_DEMO_STAY=1 ;;
        --keep) [ $# -ge 2 ] || { usage >&2; exit 1; }; keep="$2"; shift ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 1 ;;
    esac
    shift
done

dotnet_required
debian_install libsodium23 nix-bin busybox-static
program_fresh Quorate.Node
program_fresh Quorate.Cli
# shellcheck disable=SC2155
export PATH="$PATH:/usr/sbin:/sbin" QUORATE="$root/quorate" QUORATED="$root/quorated"

if [ -n "$keep" ]; then
    mkdir "$keep" || exit 1
    work=$keep
else
    work=$(mktemp -d "${TMPDIR:-/tmp}/quorate-demo.XXXXXX")
    trap 'chmod -R u+w "$work" 2>/dev/null; rm -rf "$work"' EXIT
fi
code=0
"$root/examples/$play/scenario.sh" "$work" || code=$?
if [ "$code" = 0 ] && [ "$play" = demo ] && [ "${QUORATE_DEMO_STAY:-}" != 1 ]; then
    echo
    echo "To look further:"
    echo "  ./demo.sh --stay          the same with everything left running, and commands to ask it"
    echo "  ./demo.sh --keep /tmp/q   leaves the stores, logs and configurations to look at"
    echo "  ./quorate --help          what else there is"
fi
exit "$code"
