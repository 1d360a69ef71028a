#!/usr/bin/env bash
# The macro benchmark: ./bench.sh prints the whole table, ./bench.sh NAME --json one row as JSON on the last line.
set -euo pipefail
root=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
. "$root/eng/debian.sh"
. "$root/eng/build.sh"
dotnet_required
debian_install libsodium23
installed="$root/artifacts/installed"
(
    build_lock
    dotnet_build "$root/bench/Quorate.Bench" -c Release
    # Rows that start the program start the one that packages have, which does not begin by compiling itself.
    if [ -z "${QUORATE_BENCH_CLI:-}" ] && sources_newer_than "$installed/stamp"; then
        mkdir -p "$installed"
        : >"$installed/stamp.started"
        cli_publish "$installed/build" "$installed/quorate"
        mv "$installed/stamp.started" "$installed/stamp"
    fi
) >&2
export QUORATE_BENCH_CLI="${QUORATE_BENCH_CLI:-$installed/quorate/quorate}"
exec dotnet "$root/artifacts/bin/Quorate.Bench/release/quorate-bench.dll" "$@"
