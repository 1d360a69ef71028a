#!/usr/bin/env bash
# Unpacks the Nix of another Debian suite so that it runs beside this machine's own, without installing anything.
#
#   other-nix.sh SUITE DIR     makes DIR/bin/{nix,nix-build,nix-store,nix-hash}; does nothing when they are there
#
# The mirror and the archive's keys are those of this machine's apt. The programs are started by their own suite's loader, so no chroot
# and no privilege is needed. Nix starts itself again for its build hook, which only DIR/bin/nix can do:
# set "build-hook = DIR/bin/nix __build-remote". Exit code 2: the suite cannot be had.
set -euo pipefail
suite="$1"
mkdir -p "$2"
dir=$(readlink -f "$2")
[ ! -x "$dir/bin/nix" ] || exit 0
[ "${QUORATE_NO_APT:-}" != 1 ] || { echo "QUORATE_NO_APT=1: not fetching the Nix of $suite" >&2; exit 2; }

codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
mirror=$(apt-get indextargets --format '$(SITE)' 'Identifier: Packages' "Codename: $codename" 2>/dev/null | head -n 1) || true
[ -n "$mirror" ] || { echo "this machine's apt configuration names no Debian mirror" >&2; exit 2; }
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ -e "$keys" ] || { echo "missing: $keys (Debian package debian-archive-keyring)" >&2; exit 2; }

scratch=$(mktemp -d "$dir/fetch.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch"/{lists/partial,cache/archives/partial,preferences,root}
: >"$scratch/status"
echo "deb [signed-by=$keys] $mirror $suite main" >"$scratch/sources.list"
# An apt of its own: no package counts as installed, so everything down to the C library comes from the suite.
own_apt() {
    apt-get -qq -o Dir::State="$scratch" -o Dir::State::status="$scratch/status" -o Dir::State::lists="$scratch/lists" -o Dir::Cache="$scratch/cache" \
        -o Dir::Etc::sourcelist="$scratch/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
        -o Acquire::Check-Valid-Until=false -o APT::Sandbox::User= -o Debug::NoLocking=1 "$@" </dev/null >&2
}
own_apt update && own_apt -y --no-install-recommends --download-only install nix-bin || { echo "the Nix of $suite cannot be fetched" >&2; exit 2; }
for deb in "$scratch"/cache/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink --no-same-owner -C "$scratch/root" --exclude='./usr/share/*' --exclude='./var/*' --exclude='./etc/*'
done
rm -rf "$dir/root" "$dir/bin.new"
mv "$scratch/root" "$dir/root"

loader=$(find "$dir/root" -name 'ld-linux-*.so.*' \( -type f -o -type l \) | head -n 1)
libraries=$(dirname "$(find "$dir/root" -name 'libc.so.6' | head -n 1)")
mkdir "$dir/bin.new"
for program in nix nix-build nix-store nix-hash; do
    printf '#!/bin/sh\nexec "%s" --argv0 %s --library-path "%s:%s/nix" "%s" "$@"\n' \
        "$loader" "$program" "$libraries" "$libraries" "$dir/root/usr/bin/nix" >"$dir/bin.new/$program"
    chmod +x "$dir/bin.new/$program"
done
"$dir/bin.new/nix" --version >&2 || exit 2
mv "$dir/bin.new" "$dir/bin"
