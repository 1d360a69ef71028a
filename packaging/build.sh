#!/usr/bin/env bash
# Makes artifacts/package/quorate_VERSION_ARCH.deb and quorate-VERSION-linux-ARCH.tar.gz for the machine it runs on.
# Debian 12 and later read its zstd. Self-contained and compiled ahead of time: Debian has no .NET runtime to depend on. Both programs share one copy of the runtime.
set -euo pipefail
root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
. "$root/eng/debian.sh"
. "$root/eng/build.sh"

usage() {
    cat <<'TXT'
usage: packaging/build.sh
Makes artifacts/package/quorate_VERSION_ARCH.deb and quorate-VERSION-linux-ARCH.tar.gz for this machine; what was in artifacts/package goes.
Needs the .NET SDK 10 and dpkg-deb. Takes minutes, and with a cold package cache a network.
TXT
}

case "${1:-}" in
    "") ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 1 ;;
esac

dotnet_required

rid=$(runtime_identifier)
case "$rid" in
    linux-x64) arch=amd64 ;;
    linux-arm64) arch=arm64 ;;
esac
version=$(sed -n 's:.*<Version>\(.*\)</Version>.*:\1:p' "$root/Directory.Build.props")
out="$root/artifacts/package"
tree="$out/tree"
rm -rf "$out"
mkdir -p "$tree/usr/lib/quorate"

(
    build_lock
    program_publish Quorate.Node "$out/build" "$tree/usr/lib/quorate"
    cli_publish "$out/build" "$tree/usr/lib/quorate"
) >&2

cd "$tree/usr/lib/quorate"
# For debuggers and tracers of the runtime; the tracer alone would pull in a library of its own.
rm -f createdump libmscordaccore.so libmscordbi.so libcoreclrtraceptprovider.so ./*.xml ./*.pdb
chmod 644 ./*
chmod 755 quorate quorated
cd "$root"

mkdir -p "$tree/usr/bin" "$tree/usr/share/doc/quorate"
ln -s ../lib/quorate/quorate "$tree/usr/bin/quorate"
ln -s ../lib/quorate/quorated "$tree/usr/bin/quorated"
# Named and placed as in the checkout: the pages link to each other.
cp packaging/debian/copyright README.md CONTRIBUTING.md LICENSE "$tree/usr/share/doc/quorate/"
cp -r docs "$tree/usr/share/doc/quorate/docs"
for section in 1 8; do
    mkdir -p "$tree/usr/share/man/man$section"
    for page in packaging/man/*."$section"; do
        gzip -9n <"$page" >"$tree/usr/share/man/man$section/$(basename "$page").gz"
    done
done

# The tarball is the same tree without what only dpkg and systemd want: unpack it anywhere, run quorate-VERSION-linux-ARCH/bin/quorate.
name="quorate-$version-$rid"
tar -C "$tree" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@"$(git -C "$root" log -1 --format=%ct 2>/dev/null || echo 0)" \
    --transform "s,^\./usr,$name," -czf "$out/$name.tar.gz" ./usr

mkdir -p "$tree/usr/lib/systemd/system" "$tree/DEBIAN"
cp packaging/systemd/*.service packaging/systemd/*.socket "$tree/usr/lib/systemd/system/"
chmod 644 "$tree"/usr/lib/systemd/system/*
install -d -m 755 "$tree/etc/quorate"
for script in postinst prerm postrm; do
    install -m 755 "packaging/debian/$script" "$tree/DEBIAN/$script"
done
sed -e "s/@VERSION@/$version/" -e "s/@ARCH@/$arch/" -e "s/@SIZE@/$(du -sk --exclude=DEBIAN "$tree" | cut -f1)/" packaging/debian/control >"$tree/DEBIAN/control"
(cd "$tree" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
find "$tree" -type d -exec chmod 755 {} +
dpkg-deb --root-owner-group -Zzstd -z9 --build "$tree" "$out/quorate_${version}_$arch.deb" >&2
rm -rf "$tree" "$out/build" "$out/locks"
ls -l "$out" >&2
