using Quorate.Nix.Traces;
using Quorate.Sources.Traces;

namespace Quorate.Cli.Verify;

/// <summary>The places that a user named for traces.</summary>
sealed class VerifySources : IDisposable
{
    readonly List<IDisposable> _open = [];
    readonly List<ITraceSource> _sources = [];

    VerifySources() { }

    public IReadOnlyList<ITraceSource> Sources => _sources;

    /// <summary>Whether answers come from afar, so that many should be awaited at once.</summary>
    public bool AreRemote { get; private set; }

    /// <param name="texts"><c>http(s)://…</c>, <c>file:///…</c> or <c>dir:PATH</c> for caches in laut's layouts.</param>
    /// <exception cref="CliException">One of them is nothing of the kind.</exception>
    public static VerifySources Open(IReadOnlyList<string> texts, TimeProvider clock)
    {
        var sources = new VerifySources();
        try
        {
            foreach (var text in texts)
            {
                sources.Add(text, clock);
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

    void Add(string text, TimeProvider clock)
    {
        if (!TraceCacheAddress.TryParse(text, out var address))
        {
            throw new CliException($"'{text}' is no place for traces: give http(s)://host/path, file:///directory or dir:PATH");
        }
        var cache = new TraceCache(address, clock);
        _open.Add(cache);
        _sources.Add(cache);
        AreRemote |= !address.IsDirectory;
    }
}
