using System.Text.RegularExpressions;
using Quorate.EndToEnd.Programs;
using Quorate.Nix.Nar;
using Quorate.Testing;

namespace Quorate.EndToEnd.NixBuilds;

/// <summary>A Nix to build with: this machine's own, or that of another Debian suite, unpacked beside it.</summary>
sealed partial class NixInstallation
{
    const int MaxAttempts = 4;

    readonly string? _bin;

    NixInstallation(string? bin, string version)
    {
        _bin = bin;
        Version = version;
    }

    /// <summary>As it prints it: <c>2.34.8</c>.</summary>
    public string Version { get; }

    /// <summary>Whether it wants a signature on realisations that it substitutes, as no release up to 2.35 does.</summary>
    public bool ChecksRealisationSignatures => System.Version.Parse(Version.TrimEnd('.')) >= new Version(2, 36);

    /// <summary>How it hashes what refers to itself: 2.17 to 2.34 forgot the positions.</summary>
    public SelfReferenceEra SelfReferences =>
        System.Version.Parse(Version.TrimEnd('.')) is var version && version >= new Version(2, 17) && version < new Version(2, 35)
            ? SelfReferenceEra.WithoutPositions
            : SelfReferenceEra.WithPositions;

    /// <summary>The settings that let this Nix build in a store and a sandbox of the test's own.</summary>
    public string Settings(params string[] more) =>
        string.Join(
            '\n',
            [
                "experimental-features = nix-command",
                "substituters =",
                "build-users-group =",
                "sandbox = true",
                "sandbox-fallback = false",
                "sandbox-paths = /bin/sh=" + Machine.Require("busybox", "busybox-static"),
                .. _bin is null ? Array.Empty<string>() : [$"build-hook = {_bin}/nix __build-remote"],
                .. more,
            ]
        );

    /// <param name="suite">A Debian suite, or <c>installed</c> for this machine's own Nix.</param>
    /// <param name="version">What its version must begin with.</param>
    public static async Task<NixInstallation> FindAsync(string suite, string version)
    {
        Machine.Require("busybox", "busybox-static");
        string? bin = null;
        if (suite == "installed")
        {
            Machine.Require("nix-store", "nix-bin");
        }
        else
        {
            var folder = Path.Combine(Vectors.RepositoryRoot(), "artifacts", "other-nix", suite);
            var fetch = await RunningProgram.RunAsync(
                Path.Combine(Vectors.RepositoryRoot(), "eng", "other-nix.sh"),
                [suite, folder],
                patience: TimeSpan.FromMinutes(5)
            );
            if (fetch.Code != 0 && suite == "sid")
            {
                // A rolling suite may be broken on any day; that says nothing about this project.
                Assert.Skip($"the Nix of {suite} cannot be had: {fetch.Errors}");
            }
            if (fetch.Code != 0)
            {
                Machine.Missing($"the Nix of {suite} cannot be had: {fetch.Errors}");
            }
            bin = Path.Combine(folder, "bin");
        }
        var found = VersionNumber()
            .Match((await RunningProgram.RunAsync(Path.Combine(bin ?? "", "nix"), ["--version"])).MustSucceed().Output)
            .Value;
        Assert.SkipUnless(found.StartsWith(version, StringComparison.Ordinal), $"the Nix of {suite} is {found}, not {version}");
        return new NixInstallation(bin, found);
    }

    /// <summary>Absolute path of one of its programs.</summary>
    public string Program(string name) => _bin is null ? Machine.Require(name, "nix-bin") : Path.Combine(_bin, name);

    /// <summary>Runs one of its programs. Where Nix itself crashed it is run again: its store is as it was.</summary>
    public async Task<ProgramResult> RunAsync(NixStore store, string program, params string[] arguments)
    {
        for (var attempt = 1; ; attempt++)
        {
            var result = await RunOnceAsync(store, program, arguments);
            if (attempt == MaxAttempts || !HasCrashed(result))
            {
                return result;
            }
        }
    }

    /// <summary>
    /// Nix 2.8 sometimes closes a pipe twice when it has asked a cache for a realisation. By chance that is another file by then, and it dies of it in one
    /// way or another.
    /// </summary>
    bool HasCrashed(ProgramResult result) =>
        Version.StartsWith("2.8", StringComparison.Ordinal)
        && result.Code != 0
        && (result.Code > 128 || result.Errors.Contains("Bad file descriptor", StringComparison.Ordinal));

    Task<ProgramResult> RunOnceAsync(NixStore store, string program, string[] arguments) =>
        RunningProgram.RunAsync(
            Path.Combine(_bin ?? "", program),
            arguments,
            new Dictionary<string, string?>
            {
                ["NIX_CONFIG"] = store.Settings,
                ["NIX_REMOTE"] = store.Root,
                ["HOME"] = store.Root + ".home",
                ["XDG_CACHE_HOME"] = null,
                ["PATH"] = (_bin is null ? "" : _bin + ":") + Environment.GetEnvironmentVariable("PATH"),
            },
            patience: TimeSpan.FromMinutes(2)
        );

    [GeneratedRegex(@"[0-9]+\.[0-9.]+", RegexOptions.None, 1000)]
    private static partial Regex VersionNumber();
}

/// <summary>A diverted store of one test and the settings it is used with.</summary>
sealed record NixStore(string Root, string Settings);
