# shellcheck shell=sh
# Builds from the command line: one at a time per checkout, and nothing that outlives them. Sourced; $root is the checkout.
# POSIX sh, because the launchers are.

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_GENERATE_ASPNET_CERTIFICATE=false DOTNET_CLI_WORKLOAD_UPDATE_NOTIFY_DISABLE=true

# The lock is held by descriptor 9 until the subshell that took it ends.
build_lock() {
    mkdir -p "$root/artifacts"
    exec 9>"$root/artifacts/build.lock"
    if command -v flock >/dev/null 2>&1; then
        flock 9
    fi
}

# No compiler server, MSBuild node or MSBuild server stays behind. Advisories are asked for in continuous integration only: without a
# network that question costs minutes and a page of warnings.
dotnet_build() {
    DOTNET_CLI_USE_MSBUILD_SERVER=0 MSBUILDDISABLENODEREUSE=1 dotnet build "$@" \
        --nologo --verbosity quiet -consoleLoggerParameters:NoSummary --disable-build-servers -nodeReuse:false -p:UseSharedCompilation=false \
        -p:NuGetAudit="$([ "${CI:-}" = true ] && echo true || echo false)" 9>&-
}

# What .NET calls this machine.
runtime_identifier() {
    case "$(uname -m)" in
        x86_64) echo linux-x64 ;;
        aarch64) echo linux-arm64 ;;
        *) echo "no packages are made for $(uname -m)" >&2; return 1 ;;
    esac
}

# program_publish PROJECT BUILD OUT [OPTION...]: puts a program into the folder OUT as packages have it: compiled ahead of time, with its own runtime.
program_publish() {
    local project=$1 build=$2 out=$3
    shift 3
    # The runtime packs of one platform are not in the committed lock files, hence QuoratePackaging (see Directory.Build.props).
    DOTNET_CLI_USE_MSBUILD_SERVER=0 MSBUILDDISABLENODEREUSE=1 dotnet publish "$root/src/$project" -c Release -r "$(runtime_identifier)" --self-contained \
        --nologo --verbosity quiet --disable-build-servers -nodeReuse:false -p:UseSharedCompilation=false \
        -p:QuoratePackaging=true -p:RestoreLockedMode=false -p:RunAnalyzers=false \
        -p:PublishReadyToRun=true -p:PublishDocumentationFiles=false -p:ArtifactsPath="$build/" -o "$out" "$@" 9>&-
}

# cli_publish BUILD OUT: the client. It starts anew for every question, so what it uses of the runtime with its own types is compiled ahead of time too:
# one image of all its assemblies, those of the runtime included. A node in the same folder runs on the same image.
cli_publish() {
    program_publish Quorate.Cli "$1" "$2" -p:PublishReadyToRunComposite=true
}

# Everything that goes into a program; a deleted file shows as a newer folder.
sources_newer_than() {
    [ ! -e "$1" ] ||
        [ -n "$(cd "$root" && find src Directory.Build.props Directory.Packages.props global.json -newer "$1" -print -quit 2>/dev/null)" ]
}

# program_fresh PROJECT: builds src/PROJECT in Release when a source is newer than its last build.
program_fresh() {
    if ! command -v dotnet >/dev/null 2>&1; then
        echo "missing: the .NET SDK 10 (the command \"dotnet\" is not in the PATH)" >&2
        return 1
    fi
    stamp="$root/artifacts/stamps/$1"
    sources_newer_than "$stamp" || return 0
    (
        build_lock
        sources_newer_than "$stamp" || exit 0
        mkdir -p "$root/artifacts/stamps"
        # The stamp takes the time before the build: a source saved while the build runs is newer.
        : >"$stamp.started"
        echo "building $1 …" >&2
        dotnet_build "$root/src/$1" -c Release >&2 || exit 1
        mv "$stamp.started" "$stamp"
    )
}

# Builds everything in Release, after which no program needs to be built by itself.
solution_build() (
    build_lock
    mkdir -p "$root/artifacts/stamps"
    started="$root/artifacts/stamps/solution.started"
    : >"$started"
    dotnet_build "$root/Quorate.slnx" -c Release || exit 1
    for program in Quorate.Node Quorate.Cli; do
        cp -p "$started" "$root/artifacts/stamps/$program"
    done
    rm "$started"
)
