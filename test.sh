#!/usr/bin/env bash
# Runs all tests. Installs what they need from Debian when it may; see --help.
set -uo pipefail
root=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
cd "$root" || exit 1
. eng/debian.sh
. eng/build.sh

usage() {
    cat <<'TXT'
usage: ./test.sh [--unit] [--filter TEXT] [--no-build] [--long]
  (nothing)       build, then every test project, one after another
  --unit          only tests/Quorate.Tests: no network, no foreign programs, no Debian packages but the libraries we link
  --filter TEXT   only test methods whose full name contains TEXT
  --no-build      run what was built last
  --long          the tests that take minutes as well
The last line is "N passed, N failed, N skipped" over all test projects. Results: artifacts/test-results.
QUORATE_NO_APT=1 never installs anything, but says what is missing.
TXT
}

projects=(Quorate.Tests Quorate.Conformance Quorate.EndToEnd)
needs=(libsodium23 duktape util-linux nix-bin busybox-static postgresql python3-jsonschema)
build=1
filter=()
while [ $# -gt 0 ]; do
    case "$1" in
        --unit) projects=(Quorate.Tests) needs=(libsodium23) ;;
        --filter) [ $# -ge 2 ] || { usage >&2; exit 1; }; filter=(-method "*$2*"); shift ;;
        --no-build) build= ;;
        --long) export QUORATE_LONG_TESTS=1 ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 1 ;;
    esac
    shift
done

dotnet_required || exit 1
# Only where nothing may be skipped: npm brings hundreds of packages for the one test that reads a schema from its registry.
[ "${CI:-}" != true ] || [ ${#projects[@]} = 1 ] || needs+=(npm)
# On a user's machine tests without their program skip by name; libsodium is what the programs themselves cannot run without.
if ! debian_install "${needs[@]}"; then
    [ "${CI:-}" != true ] && [ -z "$(need_missing libsodium23)" ] || exit 1
    echo "going on; tests of missing programs will be skipped" >&2
fi
if [ -n "$build" ]; then
    echo "building …"
    solution_build || exit 1
fi

results="$root/artifacts/test-results"
rm -rf "$results"
mkdir -p "$results"
work=$(mktemp -d "${TMPDIR:-/tmp}/quorate-test.XXXXXX")
trap 'rm -rf "$work"' EXIT

# One number out of a project's results; the file is written by the test runner when it ends.
counter() {
    sed -n "s/.*<Counters [^>]*\b$2=\"\([0-9]*\)\".*/\1/p" "$1" | head -n 1
}

passed=0 failed=0 skipped=0
for project in "${projects[@]}"; do
    echo "== $project"
    trx="$results/$project.trx"
    TMPDIR="$work" dotnet "artifacts/bin/$project/release/$project.dll" -noLogo -noColor "${filter[@]}" -trx "$trx" </dev/null
    code=$?
    total=$(counter "$trx" total 2>/dev/null)
    if [ -z "$total" ]; then
        echo "$project ended with code $code and without results" >&2
        failed=$((failed + 1))
        continue
    fi
    p=$(counter "$trx" passed) f=$(counter "$trx" failed)
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + total - p - f))
    # A runner that fails without a failed test (a crash in a fixture) is a failure too.
    if [ "$code" != 0 ] && [ "$f" = 0 ]; then
        echo "$project ended with code $code" >&2
        failed=$((failed + 1))
    fi
done
if [ $((passed + failed + skipped)) = 0 ]; then
    echo "no test ran" >&2
    exit 1
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
