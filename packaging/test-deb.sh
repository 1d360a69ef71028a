#!/usr/bin/env bash
# Makes the .deb, installs it with its dependencies in a bare Debian in a chroot, runs it, removes it, and looks at what is left.
# Needs root. Everything happens in a mount namespace of its own and in a temporary folder.
set -euo pipefail
root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
. "$root/eng/debian.sh"

if [ "${1:-}" != --inside ]; then
    [ "$(id -u)" = 0 ] || { echo "packaging/test-deb.sh needs root: it installs a package in a chroot" >&2; exit 1; }
    debian_install debootstrap
    "$root/packaging/build.sh"
    bare=$(mktemp -d "${TMPDIR:-/tmp}/quorate-deb.XXXXXX")
    trap 'rm -rf --one-file-system "$bare"' EXIT
    chmod 755 "$bare"
    # The namespace goes with its last process, and all mounts with it.
    unshare --mount --pid --fork --kill-child --propagation private "$root/packaging/test-deb.sh" --inside "$bare"
    exit
fi

bare="$2"
deb=$(echo "$root"/artifacts/package/*.deb)
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
mirror=$(apt-get indextargets --format '$(SITE)' 'Identifier: Packages' "Codename: $codename" | head -n 1)
[ -n "$mirror" ] || { echo "this machine's apt configuration names no mirror of $codename" >&2; exit 1; }

echo "bare Debian $codename …"
debootstrap --variant=minbase "$codename" "$bare" "$mirror" >"$bare.log" 2>&1 || { tail -n 20 "$bare.log" >&2; rm -f "$bare.log"; exit 1; }
rm -f "$bare.log"
mount -t proc proc "$bare/proc"
printf '#!/bin/sh\nexit 101\n' >"$bare/usr/sbin/policy-rc.d"
chmod +x "$bare/usr/sbin/policy-rc.d"
apt-config dump | grep -i '^Acquire::.*proxy' >"$bare/etc/apt/apt.conf.d/00proxy" || true
cp "$deb" "$bare/quorate.deb"

in_bare() { chroot "$bare" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
files() { (cd "$bare" && find . -xdev -path ./proc -prune -o -path ./var/lib/apt -prune -o -path ./var/cache -prune -o -path ./var/log -prune -o -path ./run -prune -o -path ./var/lib/dpkg -prune -o -print | sort); }

in_bare apt-get -qq update
files >"$bare/var/cache/before"
echo "installing …"
in_bare apt-get -qq install -y --no-install-recommends /quorate.deb >"$bare/var/log/install" 2>&1 || { tail -n 30 "$bare/var/log/install" >&2; exit 1; }
check() {
    echo "+ $*"
    in_bare "$@" </dev/null || { echo "failed with code $?: $*" >&2; exit 1; }
}
check quorate --version
check quorated --version
(
    cd "$bare/usr/share/doc/quorate"
    find . -name '*.md' | while read -r page; do
        { grep -oE '\]\([^)#: ]+[)#]' "$page" || true; } | sed 's/^..//; s/.$//' | while read -r link; do
            [ -e "$(dirname "$page")/$link" ] || { echo "$page of the package links to $link, which is not there" >&2; exit 1; }
        done
    done
)
[ -z "$(find "$bare/etc/systemd" -name 'quorated.*')" ] || { echo "a unit is enabled by the installation" >&2; exit 1; }

# What init writes must run as it is, as the user that the unit names and with the folders that systemd makes for it.
check quorate init --name bare
check install -d -o quorate -g quorate -m 700 /var/lib/quorate
check install -d -o quorate -g quorate -m 750 /run/quorate
as_node() { check setpriv --reuid quorate --regid quorate --init-groups "$@"; }
as_node quorated --check-config --config /etc/quorate/quorate.yaml
as_node quorated --config /etc/quorate/quorate.yaml >"$bare/var/log/node" 2>&1 &
tries=150
until [ -S "$bare/run/quorate/control.socket" ] && in_bare quorate log list >/dev/null 2>&1; do
    [ $((tries -= 1)) -gt 0 ] || { echo "the node does not come up" >&2; cat "$bare/var/log/node" >&2; exit 1; }
    sleep 0.2
done
check quorate log list
check quorate doctor
# This namespace has no other processes of that name.
in_bare sh -c 'for p in /proc/[0-9]*; do case "$(readlink $p/exe)" in */quorated) kill -TERM "${p#/proc/}" ;; esac; done'
wait $! || { echo "the node ends with code $?" >&2; cat "$bare/var/log/node" >&2; exit 1; }
rm -rf "$bare/var/lib/quorate" "$bare/run/quorate" "$bare/etc/quorate/quorate.yaml" "$bare/etc/quorate/bare.key"

echo "removing …"
in_bare apt-get -qq autoremove -y --purge quorate >"$bare/var/log/remove" 2>&1 || { tail -n 30 "$bare/var/log/remove" >&2; exit 1; }
files >"$bare/var/cache/after"
left=$(comm -13 "$bare/var/cache/before" "$bare/var/cache/after" | grep -vE '^\./(etc|var)/(passwd|group|shadow|gshadow|subuid|subgid|ld\.so)[^/]*$' || true)
if [ -n "$left" ]; then
    echo "left behind:" >&2
    printf '%s\n' "$left" >&2
    exit 1
fi
echo "package: OK"
