using Quorate.Core.Files;
using Quorate.Nix.Traces;
using Quorate.Nix.Verification;
using Quorate.Sources.Traces;

namespace Quorate.Cli.Verify;

/// <summary>The places that a user named for traces.</summary>
sealed class VerifySources : IDisposable
{
    const string LogPrefix = "log:";
    const string BundlePrefix = "bundle:";

    /// <summary>Less than two time-outs, so that a place that never answers is asked twice.</summary>
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(45);

    readonly List<IDisposable> _open = [];
    readonly List<ITraceSource> _sources = [];

    VerifySources() { }

    public IReadOnlyList<ITraceSource> Sources => _sources;

    /// <summary>Traces that were left out already because they do not say what they are about, the first of them.</summary>
    public IEnumerable<string> LeftOut =>
        _sources.OfType<ITraceLeftovers>().SelectMany(source => source.LeftOut).Take(TraceFindings.MaxDetails).Select(left => left.Detail);

    /// <summary>Whether answers come from afar, so that many should be awaited at once.</summary>
    public bool AreRemote { get; private set; }

    /// <param name="texts">
    /// <c>http(s)://…</c>, <c>file:///…</c> or <c>dir:PATH</c> for caches in laut's layouts; <c>log:DIR</c> for the logs in a folder, with proofs and without a
    /// network; <c>bundle:PATH</c> for a file of traces or a folder of such files.
    /// </param>
    /// <exception cref="CliException">One of them is nothing of the kind.</exception>
    /// <exception cref="IOException">A folder has no such log, or a damaged one; a file holds no traces.</exception>
    /// <param name="witnesses">By the ID of a log, whose cosignatures of it count; null for nobody's.</param>
    /// <param name="tell">Told, on any thread, of a place that is given up.</param>
    public static VerifySources Open(
        IReadOnlyList<string> texts,
        Func<string, WitnessQuorum?> witnesses,
        TimeProvider clock,
        Action<string> tell,
        CancellationToken cancellationToken
    )
    {
        var sources = new VerifySources();
        try
        {
            foreach (var text in texts)
            {
                sources.Add(text, witnesses, clock, tell, cancellationToken);
            }
            return sources;
        }
        catch
        {
            sources.Dispose();
            throw;
        }
    }

    public void Dispose() => _open.ForEach(open => open.Dispose());

    void Add(
        string text,
        Func<string, WitnessQuorum?> witnesses,
        TimeProvider clock,
        Action<string> tell,
        CancellationToken cancellationToken
    )
    {
        if (text.StartsWith(LogPrefix, StringComparison.Ordinal))
        {
            var logs = OfflineTraceLogs.Open(text[LogPrefix.Length..], witnesses, clock.GetUtcNow(), cancellationToken);
            _open.Add(logs);
            _sources.AddRange(logs.Sources);
            return;
        }
        if (text.StartsWith(BundlePrefix, StringComparison.Ordinal))
        {
            _sources.Add(TraceFiles.Open(text[BundlePrefix.Length..], cancellationToken));
            return;
        }
        if (!TraceCacheAddress.TryParse(text, out var address))
        {
            throw new CliException(
                $"'{text}' is no place for traces: give http(s)://host/path, file:///directory, dir:PATH, log:DIR or bundle:PATH"
            );
        }
        if (address.IsDirectory)
        {
            RequireFolder(text, address.Folder);
        }
        var cache = new TraceCache(
            address,
            clock,
            new TraceCacheOptions { Patience = s_patience, GivenUp = reason => tell($"{address}: {reason}") }
        );
        _open.Add(cache);
        _sources.Add(cache);
        AreRemote |= !address.IsDirectory;
    }

    /// <summary>
    /// A name that was mistyped is told at once. A folder that cannot be looked at is a source that does not answer: others may have enough.
    /// </summary>
    static void RequireFolder(string text, string folder)
    {
        bool isThere;
        try
        {
            isThere = FileLookup.IsThere(folder);
        }
        catch (IOException)
        {
            return;
        }
        if (!isThere)
        {
            throw new CliException($"--source {text}: there is no such directory");
        }
        if (File.Exists(folder))
        {
            throw new CliException($"--source {text}: that is a file; a file of traces is given as bundle:PATH");
        }
    }
}
