#!/usr/bin/env bash
# The macro benchmark: ./bench.sh prints the whole table, ./bench.sh NAME --json one row as JSON on the last line.
set -euo pipefail
root=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
. "$root/eng/debian.sh"
. "$root/eng/build.sh"
dotnet_required
debian_install libsodium23
(build_lock && dotnet_build "$root/bench/Quorate.Bench" -c Release && dotnet_build "$root/src/Quorate.Cli" -c Release) >&2
exec dotnet "$root/artifacts/bin/Quorate.Bench/release/quorate-bench.dll" "$@"
