using System.Globalization;
using System.Runtime.InteropServices;
using Quorate.Cli.Commands;
using Quorate.Cli.Hook;
using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Sources.Control;
using Quorate.Sources.Spool;

namespace Quorate.Cli.Doctor;

/// <summary>What <c>quorate doctor</c> looks at. Works without a node and without a configuration: what is absent is a note, not a fault.</summary>
sealed class MachineChecks(CliHost host, string? node, string? configuration)
{
    const long MaxConfiguration = 4 << 20;

    // The names of each library's ABIs that serve, the one that Debian has first.
    static readonly (string[] Names, string Package, string Need, bool Required)[] s_libraries =
    [
        (["libsodium.so.23", "libsodium.so.26"], "libsodium23", "signs and verifies", true),
    ];

    /// <summary>A clock before this program existed makes every time rule meaningless.</summary>
    static readonly DateTimeOffset s_earliest = new(2025, 11, 1, 0, 0, 0, TimeSpan.Zero);

    public async Task<IReadOnlyList<Finding>> RunAsync(CancellationToken cancellationToken)
    {
        var findings = new List<Finding>();
        findings.AddRange(Libraries());
        findings.Add(Clock());
        findings.AddRange(await ConfigurationAsync(cancellationToken));
        findings.AddRange(Spool());
        findings.AddRange(await NodeAsync(cancellationToken));
        return findings;
    }

    static IEnumerable<Finding> Libraries()
    {
        foreach (var (names, package, need, required) in s_libraries)
        {
            var found = names.FirstOrDefault(name => NativeLibrary.TryLoad(name, typeof(MachineChecks).Assembly, null, out _));
            yield return found is not null
                ? new Finding(Grade.Good, found, need)
                : new Finding(required ? Grade.Fault : Grade.Note, names[0], $"not found; it {need}", $"apt-get install {package}");
        }
        yield return SelfCheck();
    }

    static Finding SelfCheck()
    {
        try
        {
            using var key = Ed25519PrivateKey.Generate();
            return key.PublicKey.Verify("doctor"u8, key.Sign("doctor"u8))
                ? new Finding(Grade.Good, "signatures", "a key was made, signed and verified")
                : new Finding(Grade.Fault, "signatures", "a signature just made does not verify", "reinstall libsodium23");
        }
        catch (Exception e) when (e is DllNotFoundException or TypeInitializationException or InvalidOperationException)
        {
            return new Finding(Grade.Fault, "signatures", (e.InnerException ?? e).Message.Split('\n')[0], "apt-get install libsodium23");
        }
    }

    Finding Clock()
    {
        var now = host.Clock.GetUtcNow();
        if (now < s_earliest)
        {
            return new Finding(Grade.Fault, "clock", $"it says {now:u}, which has passed long ago", "set the clock (timedatectl)");
        }
        return Directory.Exists("/run/systemd/timesync") && !File.Exists("/run/systemd/timesync/synchronized")
            ? new Finding(Grade.Note, "clock", $"{now:u}, not yet synchronised by systemd-timesyncd")
            : new Finding(Grade.Good, "clock", now.ToString("u", CultureInfo.InvariantCulture));
    }

    async Task<IReadOnlyList<Finding>> ConfigurationAsync(CancellationToken cancellationToken)
    {
        string[] usual = ["/etc/quorate/quorate.yaml", Path.Combine(InitCommand.UserConfig(host.Variable), "quorate.yaml")];
        var candidates = configuration is null ? usual : [Path.GetFullPath(configuration)];
        var file = candidates.FirstOrDefault(File.Exists);
        if (file is null)
        {
            return
            [
                new Finding(
                    configuration is null ? Grade.Note : Grade.Fault,
                    "configuration",
                    $"none at {string.Join(" or ", candidates)}",
                    "quorate init"
                ),
            ];
        }
        try
        {
            if (new FileInfo(file).Length > MaxConfiguration)
            {
                return [new Finding(Grade.Fault, "configuration", $"{file} is too large to be one")];
            }
            var text = await File.ReadAllTextAsync(file, cancellationToken);
            return
            [
                new Finding(Grade.Good, "configuration", file, $"quorated --check-config --config {file} reads it strictly"),
                .. Keys(file, text),
            ];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [new Finding(Grade.Note, "configuration", e.Message, "run doctor as the node's user")];
        }
    }

    /// <summary>Private keys beside the configuration that it mentions by file name.</summary>
    static IEnumerable<Finding> Keys(string configuration, string text)
    {
        var folder = Path.GetDirectoryName(configuration)!;
        foreach (var path in Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal))
        {
            var name = Path.GetFileName(path);
            if (
                path == configuration
                || !text.Contains(name, StringComparison.Ordinal)
                || new FileInfo(path).Length is 0 or > 4096
                || IsPublic(name)
            )
            {
                continue;
            }
            yield return Key(path);
        }
    }

    /// <summary>Sockets have length 0; these are meant to be read by others.</summary>
    static bool IsPublic(string name) => Path.GetExtension(name) is ".pub" or ".public" or ".crt" or ".cer" or ".yaml";

    static Finding Key(string path)
    {
        const UnixFileMode Others = (UnixFileMode)0b000_111_111;
        if ((File.GetUnixFileMode(path) & Others) != UnixFileMode.None)
        {
            return new Finding(Grade.Warning, path, "others may read or change it", $"chmod 600 {path}");
        }
        try
        {
            var file = KeyFiles.ReadPrivate(path);
            using (file.Key)
            {
                return new Finding(Grade.Good, path, $"private key of {file.Key.PublicKey}");
            }
        }
        catch (FormatException)
        {
            // Other secrets are named in a configuration too: cache keys, tokens.
            return new Finding(Grade.Good, path, "private");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new Finding(Grade.Note, path, e.Message, "run doctor as the node's user");
        }
    }

    IEnumerable<Finding> Spool()
    {
        var path = HookOptions.DefaultSpool(host.Variable);
        if (!Directory.Exists(path))
        {
            yield break;
        }
        SpoolState? state = null;
        Finding? fault = null;
        try
        {
            using var spool = HookSpool.Open(path, create: false);
            state = spool?.State();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            fault = new Finding(Grade.Note, "spool", e.Message);
        }
        if (fault is not null)
        {
            yield return fault;
        }
        if (state is { } s)
        {
            yield return s.Dropped > 0 || s.SetAside > 0 || s.Collected > 0
                ? new Finding(
                    Grade.Warning,
                    "spool",
                    $"{path}: {s.Dropped} claims dropped, {s.Collected} paths collected too early, {s.SetAside} files set aside",
                    "quorate nix hook status"
                )
                : new Finding(Grade.Good, "spool", $"{path}: {s.Batches + s.Unresolved} files waiting");
        }
    }

    async Task<IReadOnlyList<Finding>> NodeAsync(CancellationToken cancellationToken)
    {
        NodeAddress address;
        try
        {
            address = NodeAddress.Locate(node, host.Variable);
        }
        catch (NodeUnreachableException e)
        {
            var named = node is not null || host.Variable("QUORATE_NODE") is { Length: > 0 };
            return [new Finding(named ? Grade.Fault : Grade.Note, "node", e.Message.Split('\n')[0])];
        }
        try
        {
            await using var client = ControlClient.Connect(address, TimeSpan.FromSeconds(10));
            var status = (await client.StatusAsync(cancellationToken)).Value;
            var logs = (await client.LogsAsync(cancellationToken)).Value;
            return
            [
                new Finding(Grade.Good, "node", $"{address}: version {status.Version}, {status.State}"),
                .. Skew(status),
                .. logs.All.Select(Log),
            ];
        }
        catch (IOException e)
        {
            return [new Finding(Grade.Fault, "node", e.Message)];
        }
    }

    IEnumerable<Finding> Skew(NodeStatus status)
    {
        if (
            DateTimeOffset.TryParse(status.StartedAt, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var started)
            && started > host.Clock.GetUtcNow().AddMinutes(1)
        )
        {
            yield return new Finding(
                Grade.Warning,
                "clock",
                $"the node started at {started:u}, which is in the future here",
                "synchronise the clocks"
            );
        }
    }

    static Finding Log(LogInfo log) =>
        log switch
        {
            { Status.Misbehaviour: { } m } => new Finding(
                Grade.Fault,
                $"log {log.Name}",
                "proven misbehaviour: " + m,
                "its later claims do not count; tell its operator"
            ),
            { Status.Fault: { } f } => new Finding(Grade.Warning, $"log {log.Name}", "remote fault: " + f),
            { Status: { LastSuccess: null } } => new Finding(Grade.Warning, $"log {log.Name}", "never synchronised"),
            { Status.MissingValues: > 0 and var n } => new Finding(
                Grade.Warning,
                $"log {log.Name}",
                $"{n} values are withheld by its remotes"
            ),
            { SelfDivergences: > 0 and var d } => new Finding(
                Grade.Note,
                $"log {log.Name}",
                $"{d} self-divergences: builds that did not reproduce themselves",
                $"quorate log get {log.Name} KEY"
            ),
            _ => new Finding(Grade.Good, $"log {log.Name}", $"{log.Role}, {log.TreeSize ?? 0} entries"),
        };
}
