#!/usr/bin/env bash
# Fetches the JSON schema of CycloneDX 1.6, and those that it refers to, as CycloneDX's own library for npm ships them.
#
#   cyclonedx-schema.sh DIR     makes DIR/bom-1.6.SNAPSHOT.schema.json and its neighbours; does nothing when they are there
#
# The registry is the one that npm is configured for; nothing is installed and nothing of the package is run. Exit code 2: it cannot be had.
set -euo pipefail
mkdir -p "$1"
dir=$(readlink -f "$1")
package=@cyclonedx/cyclonedx-library@8.0.0
[ ! -e "$dir/bom-1.6.SNAPSHOT.schema.json" ] || exit 0
[ "${QUORATE_NO_NPM:-}" != 1 ] || { echo "QUORATE_NO_NPM=1: not fetching $package" >&2; exit 2; }
command -v npm >/dev/null || { echo "missing: npm" >&2; exit 2; }
scratch=$(mktemp -d "$dir/fetch.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
(cd "$scratch" && npm pack --silent --ignore-scripts "$package" >/dev/null) </dev/null || { echo "$package cannot be fetched" >&2; exit 2; }
tar -xzf "$scratch"/*.tgz -C "$scratch"
# The main file last: it says that everything is there.
for schema in spdx.SNAPSHOT.schema.json jsf-0.82.SNAPSHOT.schema.json bom-1.6.SNAPSHOT.schema.json; do
    mv "$scratch/package/res/schema/$schema" "$dir/$schema"
done
