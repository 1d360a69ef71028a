using System.Diagnostics;
using System.Globalization;
using System.Text;
using Quorate.Core;

namespace Quorate.Nix.Store;

/// <summary>What Nix registered about a valid path.</summary>
/// <param name="Deriver">Null for sources.</param>
public sealed record PathFacts(NixClaim Claim, string? Deriver);

/// <summary>Nix did not answer, or not in a form that we understand.</summary>
public sealed class NixStoreException(string message) : IOException(message);

/// <summary>
/// Asks a Nix store for facts by the <c>nix-store</c> of the running installation. Only four commands are used, all of which print the same
/// since Nix 1.0: <c>--dump-db PATH…</c> (path, hex NAR hash, NAR size, deriver, number of references, references, one a line),
/// <c>--query --requisites</c>, <c>--query --outputs</c> (also with <c>--force-realise</c>) and <c>--check-validity --print-invalid</c>. JSON output changed in four ways between
/// 2.8 and 2.35 and is never read. Calls may run at once.
/// </summary>
/// <param name="program">Absolute path of <c>nix-store</c>.</param>
/// <param name="store">Store URI; null leaves the choice to <c>$NIX_CONFIG</c> and <c>$NIX_REMOTE</c>, as the build had it.</param>
/// <param name="storeDir">Value for <c>$NIX_STORE_DIR</c>; null leaves it.</param>
/// <param name="stateDir">Value for <c>$NIX_STATE_DIR</c>; null leaves it.</param>
public sealed class NixStore(string program, string? store, string? storeDir = null, string? stateDir = null)
{
    const int MaxOutput = 256 << 20;
    const int MaxError = 8 << 10;

    /// <summary>What is registered about all of some paths.</summary>
    /// <exception cref="NixStoreException">One of them is not valid, and Nix then tells nothing of the others, or there was no usable answer.</exception>
    public async Task<IReadOnlyList<PathFacts>> FactsAsync(IReadOnlyList<StorePath> paths, CancellationToken cancellationToken)
    {
        if (paths.Count == 0)
        {
            // Without paths the command prints the whole store.
            return [];
        }
        var facts = ParseRegistration(await RunAsync(["--dump-db", .. paths.Select(p => p.ToString())], cancellationToken));
        var byPath = facts.DistinctBy(f => f.Claim.Path).ToDictionary(f => f.Claim.Path);
        return
        [
            .. paths.Distinct().Select(p => byPath.GetValueOrDefault(p) ?? throw new NixStoreException($"nix-store said nothing of {p}")),
        ];
    }

    /// <summary>The closure of some paths, dependencies first.</summary>
    public Task<IReadOnlyList<StorePath>> RequisitesAsync(IReadOnlyList<string> paths, CancellationToken cancellationToken) =>
        PathsAsync(["--query", "--requisites", .. paths], cancellationToken);

    /// <summary>The outputs of a derivation; an error where their paths are not known before it is resolved.</summary>
    public Task<IReadOnlyList<StorePath>> OutputsAsync(StorePath derivation, CancellationToken cancellationToken) =>
        PathsAsync(["--query", "--outputs", derivation.ToString()], cancellationToken);

    /// <summary>
    /// The same for a derivation whose outputs' paths are known by what was built only: Nix looks them up among its realisations when it is told to
    /// realise the derivation first. It must not do so here: nobody is allowed to build, so a derivation that is not built is an error.
    /// </summary>
    public Task<IReadOnlyList<StorePath>> RealisedOutputsAsync(StorePath derivation, CancellationToken cancellationToken) =>
        PathsAsync(
            [
                .. (string[])["--option", "max-jobs", "0", "--option", "builders", ""],
                // The build had it switched on, perhaps on its command line only.
                .. (string[])["--option", "extra-experimental-features", "ca-derivations"],
                .. (string[])["--query", "--outputs", "--force-realise", derivation.ToString()],
            ],
            cancellationToken
        );

    /// <summary>Those of some paths that the store does not have.</summary>
    public async Task<IReadOnlyList<StorePath>> InvalidAsync(IReadOnlyList<StorePath> paths, CancellationToken cancellationToken) =>
        paths.Count == 0
            ? []
            : await PathsAsync(["--check-validity", "--print-invalid", .. paths.Select(p => p.ToString())], cancellationToken);

    /// <summary>Which Nix this is.</summary>
    /// <exception cref="NixStoreException"/>
    public async Task<NixVersion> VersionAsync(CancellationToken cancellationToken)
    {
        var text = await RunAsync(["--version"], cancellationToken);
        return NixVersion.TryParse(text, out var version) ? version : throw new NixStoreException("nix-store does not say its version");
    }

    async Task<IReadOnlyList<StorePath>> PathsAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken) =>
        [
            .. (await RunAsync(arguments, cancellationToken))
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => StorePath.TryParse(line, out var p) ? p : throw new NixStoreException($"nix-store printed '{line}'"))
                .Distinct(),
        ];

    /// <exception cref="NixStoreException">The text is not what <c>--dump-db</c> prints.</exception>
    internal static IReadOnlyList<PathFacts> ParseRegistration(string text)
    {
        var lines = text.Split('\n');
        var facts = new List<PathFacts>();
        var at = 0;
        while (at < lines.Length - 1)
        {
            facts.Add(ParseOne(lines, ref at));
        }
        return lines[^1].Length == 0 ? facts : throw new NixStoreException("nix-store was cut off");
    }

    static PathFacts ParseOne(string[] lines, ref int at)
    {
        if (lines.Length - at < 6)
        {
            throw new NixStoreException("nix-store was cut off");
        }
        if (
            !StorePath.TryParse(lines[at], out var path)
            || !Sha256Digest.TryParseHex(lines[at + 1], out var hash)
            || !ulong.TryParse(lines[at + 2], NumberStyles.None, CultureInfo.InvariantCulture, out var size)
            || !int.TryParse(lines[at + 4], NumberStyles.None, CultureInfo.InvariantCulture, out var count)
            || count > NixClaim.MaxReferences
            || count > lines.Length - at - 6
        )
        {
            throw new NixStoreException($"nix-store printed a registration of '{lines[at]}' that is not understood");
        }
        var deriver = lines[at + 3].Length == 0 ? null : lines[at + 3];
        var references = new SortedSet<StorePath>();
        for (var i = 0; i < count; i++)
        {
            if (!StorePath.TryParse(lines[at + 5 + i], path.StoreDir, out var reference))
            {
                throw new NixStoreException($"nix-store printed '{lines[at + 5 + i]}' as a reference of {path}");
            }
            references.Add(reference);
        }
        at += 5 + count;
        return size == 0
            ? throw new NixStoreException($"nix-store knows no NAR size of {path}")
            : new PathFacts(new NixClaim(path, hash, size, [.. references]), deriver);
    }

    /// <summary>Runs the program and gives its standard output.</summary>
    /// <exception cref="NixStoreException">It cannot be run, failed, or printed more than is ever needed.</exception>
    public async Task<string> RunAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        // A path that the store does not have would be looked for at every substituter, which takes seconds where one is down.
        foreach (var argument in (string[])["--option", "substitute", "false"])
        {
            start.ArgumentList.Add(argument);
        }
        if (store is not null)
        {
            start.ArgumentList.Add("--store");
            start.ArgumentList.Add(store);
        }
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }
        if (storeDir is not null)
        {
            start.Environment["NIX_STORE_DIR"] = storeDir;
        }
        if (stateDir is not null)
        {
            start.Environment["NIX_STATE_DIR"] = stateDir;
        }
        using var process = Start(start);
        try
        {
            process.StandardInput.Close();
            var error = ReadAsync(process.StandardError.BaseStream, MaxError, discardRest: true, cancellationToken);
            var output = await ReadAsync(process.StandardOutput.BaseStream, MaxOutput, discardRest: false, cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            var said = ErrorLine(await error);
            return process.ExitCode == 0
                ? output
                : throw new NixStoreException(said.Length > 0 ? said : $"nix-store failed ({process.ExitCode})");
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }
        }
    }

    Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new NixStoreException($"{program} cannot be run: {e.Message}");
        }
    }

    static async Task<string> ReadAsync(Stream stream, int limit, bool discardRest, CancellationToken cancellationToken)
    {
        using var kept = new MemoryStream();
        var buffer = new byte[16 << 10];
        int read;
        while ((read = await stream.ReadAsync(buffer, cancellationToken)) > 0)
        {
            var room = (int)Math.Min(read, limit - kept.Length);
            kept.Write(buffer, 0, room);
            if (room < read && !discardRest)
            {
                throw new NixStoreException("nix-store printed more than is ever needed");
            }
        }
        return Encoding.UTF8.GetString(kept.GetBuffer(), 0, (int)kept.Length);
    }

    /// <summary>The last line that is called an error; else the last one. Warnings come before it, and hints on how to see more may follow.</summary>
    static string ErrorLine(string text)
    {
        var lines = text.TrimEnd().Split('\n');
        return Array.FindLast(lines, line => line.TrimStart().StartsWith("error: ", StringComparison.Ordinal))?.Trim() ?? lines[^1];
    }
}
