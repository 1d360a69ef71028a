using Quorate.Cli;
using Quorate.Cli.Hook;
using Quorate.Sources.Control;
using Quorate.Sources.Spool;
using Xunit;

namespace Quorate.Tests.Cli;

/// <summary>A temporary folder, a fake nix-store in it, and ways to run verbs and the hook in process.</summary>
sealed class CliFixture : IDisposable
{
    public const string Hello = "/nix/store/2ssxwm92ixmz5wdc4m5hrxbx8hgmn4q5-hello";
    public const string Secret = "/nix/store/3ssxwm92ixmz5wdc4m5hrxbx8hgmn4q5-secret-tool";
    public const string HelloClaim =
        """{"path":"/nix/store/2ssxwm92ixmz5wdc4m5hrxbx8hgmn4q5-hello","narHash":"sha256-EFUdrtf6Rn0LWIJufrmg8q99aT3jGfLvd1//zaJEufY=","narSize":120,"references":[]}""";

    // Unix socket paths are short; so is this folder's name.
    public string Folder { get; } = Directory.CreateTempSubdirectory("q-cli").FullName;

    public string Spool => Path.Combine(Folder, "spool");

    public string this[string name] => Path.Combine(Folder, name);

    /// <summary>
    /// A nix-store that registers the known paths as the real one (2.8, 2.26 and 2.34 alike) prints them, and fails for others. It writes its
    /// arguments into <c>nix-store.args</c>.
    /// </summary>
    public string NixStore(string body = "")
    {
        var file = this["nix-store"];
        File.WriteAllText(
            file,
            $$"""
            #!/bin/sh
            echo "$@" >>'{{this["nix-store.args"]}}'
            {{body}}
            [ "$1" = --option ] && shift 3
            [ "$1" = --store ] && shift 2
            [ "$1" = --query ] && { printf '%s\n' {{Hello}} {{Secret}}; exit 0; }
            [ "$1" = --check-validity ] && {
                shift 2
                for p; do case "$p" in {{Hello}} | {{Secret}} | *.drv) ;; *) echo "$p" ;; esac; done
                exit 0
            }
            shift
            for p; do
                case "$p" in
                    {{Hello}}) refs='0' ;;
                    {{Secret}}) refs='1
            {{Hello}}' ;;
                    *) echo "warning: something" >&2; echo "error: path '$p' is not valid" >&2; exit 1 ;;
                esac
                printf '%s\n' "$p" 10551daed7fa467d0b58826e7eb9a0f2af7d693de319f2ef775fffcda244b9f6 120 /nix/store/ih3wpzyvc2fxr05f6lcpm42cr1y2dawk-hello.drv "$refs"
            done
            """
        );
        File.SetUnixFileMode(file, (UnixFileMode)0b111_101_101);
        return file;
    }

    public HookOptions Options(string? node, string? log = null) =>
        new()
        {
            Node = node,
            Log = log,
            Spool = Spool,
            NixStore = this["nix-store"],
        };

    /// <summary>One hook run for some paths; returns its line.</summary>
    public async Task<string> HookAsync(string? node, string paths, string? log = null) =>
        (await Hook(node, paths, log).RunAsync(CancellationToken.None)).Line();

    /// <summary>A hook that gives others half a minute, so that a busy machine changes nothing; tests of its haste bring their own clock.</summary>
    public PostBuildHook Hook(string? node, string paths, string? log = null, TimeProvider? clock = null, string? derivation = null) =>
        new(
            Options(node, log),
            name =>
                name == "OUT_PATHS" ? paths
                : name == "DRV_PATH" ? derivation
                : null,
            address => new RawControlTransport(address)
        )
        {
            Ancestors = _ => null,
            Clock = clock ?? TimeProvider.System,
            Budget = TimeSpan.FromSeconds(30),
        };

    /// <summary>What `install --publish-all` leaves in the spool.</summary>
    public void PublishAll(string log = "") => Give(log, new FilterInfo([], [], [], []));

    public void Give(string log, FilterInfo filter)
    {
        using var spool = HookSpool.Open(Spool, create: true)!;
        Assert.True(HookFilter.Give(spool, log, filter));
    }

    public async Task<ResolutionProgress> ResolveAsync(TimeProvider? clock = null)
    {
        using var spool = HookSpool.Open(Spool, create: true)!;
        return await new SpoolResolution(spool, this["nix-store"], clock ?? TimeProvider.System).ResolveAsync(CancellationToken.None);
    }

    public SpoolState SpoolState()
    {
        using var spool = HookSpool.Open(Spool, create: true)!;
        return spool.State();
    }

    public async Task<(int Exit, string Out, string Error)> RunAsync(params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var host = new CliHost
        {
            Out = output,
            Error = error,
            Variable = name =>
                name == "HOME" ? Folder
                : name == "PATH" ? Folder
                : null,
        };
        var exit = await CommandLine.RunAsync(arguments, host, CancellationToken.None);
        return (exit, output.ToString(), error.ToString());
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
