# shellcheck shell=bash
# What a script needs from Debian, and how it gets there. Sourced by the scripts at the root and by .ci/run.

# need_missing NEED… prints the Debian packages of the needs that are not met. A need is the name of a package; how its presence
# is seen is listed here, so that a program that came from elsewhere counts too.
need_missing() {
    local need
    for need in "$@"; do
        case "$need" in
            libsodium23) has_library libsodium.so.23 || has_library libsodium.so.26 || echo "$need" ;;
            duktape) has_program duk || echo "$need" ;;
            util-linux) has_program prlimit && has_program flock || echo "$need" ;;
            nix-bin) has_program nix-store && has_program nix || echo "$need" ;;
            busybox-static) has_static_busybox || echo "$need" ;;
            debootstrap) has_program debootstrap || echo "$need" ;;
            python3-jsonschema) python3 -c 'import jsonschema' >/dev/null 2>&1 || echo "$need" ;;
            postgresql) has_postgres || echo "$need" ;;
            dpkg-dev) has_program dpkg-shlibdeps || echo "$need" ;;
            *) has_program "$need" || echo "$need" ;;
        esac
    done
}

has_program() {
    PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1
}

has_library() {
    local cache
    cache=$(PATH="$PATH:/usr/sbin:/sbin" ldconfig -p 2>/dev/null) || cache=
    case "$cache" in
        *"$1"*) return 0 ;;
    esac
    local folder
    for folder in /usr/lib/*-linux-gnu /usr/lib /usr/local/lib ${LD_LIBRARY_PATH:+${LD_LIBRARY_PATH//:/ }}; do
        [ -e "$folder/$1" ] && return 0
    done
    return 1
}

# The server's programs are in a folder for each version, outside the path.
has_postgres() {
    local folder
    for folder in /usr/lib/postgresql/*/bin; do
        [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ] && return 0
    done
    has_program initdb && has_program postgres
}

# Inside a build sandbox there are no libraries, so a dynamically linked busybox would not start.
has_static_busybox() {
    has_program busybox && busybox httpd --help >/dev/null 2>&1 && ! ldd "$(command -v busybox)" >/dev/null 2>&1
}

# debian_install NEED… installs what is missing, or says exactly what to install and fails.
debian_install() {
    local missing
    missing=$(need_missing "$@" | sort -u | tr '\n' ' ')
    missing=${missing% }
    [ -n "$missing" ] || return 0
    if [ "${QUORATE_NO_APT:-}" = 1 ] || [ "$(id -u)" != 0 ] || ! has_program apt-get; then
        echo "missing Debian packages: $missing" >&2
        echo "install them with: apt-get install --no-install-recommends $missing" >&2
        return 1
    fi
    echo "installing from Debian: $missing" >&2
    case " $missing " in
        *" postgresql "*) postgres_without_cluster || return 1 ;;
    esac
    local failed=
    # shellcheck disable=SC2086 # a list of words
    apt_install $missing || failed=1
    [ ! -e "$postgres_defaults.quorate" ] || mv "$postgres_defaults.quorate" "$postgres_defaults"
    [ -z "$failed" ] || return 1
    missing=$(need_missing "$@" | sort -u | tr '\n' ' ')
    [ -z "$missing" ] || {
        echo "still missing after the installation: $missing" >&2
        return 1
    }
}

# PostgreSQL's package makes a database cluster for the machine, which a service starts at the next boot. The tests want only its programs:
# the setting of the package that decides so is changed for as long as the installation takes.
postgres_defaults=/etc/postgresql-common/createcluster.conf
postgres_without_cluster() {
    apt_install postgresql-common || return 1
    [ -e "$postgres_defaults.quorate" ] || cp -p "$postgres_defaults" "$postgres_defaults.quorate"
    printf '\ncreate_main_cluster = false\n' >>"$postgres_defaults"
}

# apt_install PACKAGE… asks for fresh lists only when the ones at hand do not do.
apt_install() {
    apt_quietly install -y --no-install-recommends "$@" || { apt_quietly update && apt_quietly install -y --no-install-recommends "$@"; }
}

# RUNLEVEL=1 keeps services from starting.
apt_quietly() {
    RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 "$@" </dev/null >&2
}

# The .NET SDK is the one thing that Debian does not have.
dotnet_required() {
    if ! has_program dotnet; then
        echo "missing: the .NET SDK 10 (the command \"dotnet\" is not in the PATH); see https://dotnet.microsoft.com/download" >&2
        return 1
    fi
    if ! dotnet --list-sdks 2>/dev/null | grep -q '^1[0-9]\.'; then
        echo "missing: the .NET SDK 10; \"dotnet --list-sdks\" shows only: $(dotnet --list-sdks 2>/dev/null | cut -d' ' -f1 | tr '\n' ' ')" >&2
        return 1
    fi
}
