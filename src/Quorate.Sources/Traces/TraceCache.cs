using Quorate.Nix.Derivations;
using Quorate.Nix.Realisations;
using Quorate.Nix.Traces;

namespace Quorate.Sources.Traces;

public sealed record TraceCacheOptions
{
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>From a request to the last byte of its answer.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Connections kept to the cache; more requests wait for one.</summary>
    public int MaxConnections { get; init; } = 32;

    /// <summary>
    /// The header by which a Quorate node lets somebody write (docs/formats/keys-and-tokens.md); null: none is sent. It is a constant string, so it
    /// is not sent to another machine without encryption.
    /// </summary>
    public string? WriteToken { get; init; }

    /// <summary>Objects asked for at once, over HTTP or from a disk; more wait.</summary>
    public int MaxLookups { get; init; } = 64;

    /// <summary>What may be waited for lookups that fail, all together; then the cache is given up, and every later lookup fails at once. Null: never.</summary>
    public TimeSpan? Patience { get; init; }

    /// <summary>Told when the cache is given up, with the reason: once, on whatever thread noticed it.</summary>
    public Action<string>? GivenUp { get; init; }
}

/// <summary>
/// A trace cache with laut's names, over HTTP or in a directory: looks up both layouts of a resolved derivation, and adds to either without
/// losing what others add at the same time. A binary cache of Nix is one too: what Nix itself signed is looked up there. Thread-safe.
/// </summary>
public sealed partial class TraceCache : ITraceSource, INixEntrySource, IDisposable
{
    /// <summary>Rounds of reading and writing an object that others change, as in laut.</summary>
    public const int MaxAttempts = 5;

    static readonly TraceLayout[] s_layouts = [TraceLayout.BundleLines, TraceLayout.JwsSet];

    readonly ITraceStorage _storage;
    readonly SemaphoreSlim _lookups;
    readonly SourcePatience? _patience;
    readonly TimeProvider _time;

    public TraceCache(TraceCacheAddress address, TimeProvider time, TraceCacheOptions? options = null)
    {
        options ??= new TraceCacheOptions();
        Address = address;
        _storage = address.IsDirectory ? new TraceDirectory(address.Folder, time) : new TraceHttp(address, options, time);
        _lookups = new SemaphoreSlim(options.MaxLookups);
        _patience = options.Patience is { } limit ? new SourcePatience(limit, time, options.GivenUp) : null;
        _time = time;
    }

    public TraceCacheAddress Address { get; }

    public string Name => Address.ToString();

    /// <summary>Asks for both layouts. One of them found is an answer, with what became of the other as its problem.</summary>
    public async Task<TraceLookup> FindAsync(ResolvedInputHash input, CancellationToken cancellationToken)
    {
        var answers = await Task.WhenAll(s_layouts.Select(layout => ReadAsync(input, layout, cancellationToken)));
        TraceObject[] found = [.. answers.Select(answer => answer.Traces).OfType<TraceObject>()];
        string[] problems = [.. answers.Select(answer => answer.Problem).OfType<string>()];
        return found.Length > 0 ? new TraceLookup.Found(found, problems)
            : problems.Length > 0 ? new TraceLookup.Unavailable(string.Join("; ", problems))
            : TraceLookup.Absent;
    }

    /// <summary>Adds a claim, unless exactly these bytes are there already.</summary>
    /// <returns>Whether it was added.</returns>
    /// <exception cref="TraceCacheException">The cache refused, or others were faster five times.</exception>
    public async Task<bool> AddAsync(ResolvedInputHash input, TraceElement element, CancellationToken cancellationToken)
    {
        var name = Address.Object(input, element.IsJws ? TraceLayout.JwsSet : TraceLayout.BundleLines);
        _storage.Prepare();
        for (var attempt = 1; attempt <= MaxAttempts; attempt++)
        {
            var read = await _storage.ReadAsync(name, TraceObject.MaxBytes, cancellationToken);
            byte[] bytes;
            if (read is null)
            {
                bytes = TraceObject.Create(element);
            }
            else
            {
                var traces = Parse(name, read, element);
                if (traces.Contains(element))
                {
                    return false;
                }
                bytes = traces.Append(element);
            }
            if (bytes.Length > TraceObject.MaxBytes)
            {
                throw new TraceCacheException($"{name} is full: with one more claim it is over {TraceObject.MaxBytes} bytes");
            }
            if (await _storage.TryWriteAsync(name, bytes, read, cancellationToken))
            {
                return true;
            }
        }
        throw new TraceCacheException($"{name} was changed by others in {MaxAttempts} attempts to add to it");
    }

    /// <summary>Keeps the resolved derivation beside its claims, so that others need not have built it to read them.</summary>
    /// <exception cref="TraceCacheException">The cache refused.</exception>
    public async Task AddDerivationAsync(ResolvedInputHash input, byte[] aterm, CancellationToken cancellationToken)
    {
        // The name is a hash of the content, so whatever is there already is the same or somebody's nonsense.
        await _storage.TryWriteAsync(Address.Derivation(input), aterm, read: null, cancellationToken);
    }

    /// <summary>A resolved derivation that was kept beside its claims; null when there is none. The caller recomputes its hash.</summary>
    /// <exception cref="TraceCacheException"/>
    public async Task<ReadOnlyMemory<byte>?> FindDerivationAsync(ResolvedInputHash input, CancellationToken cancellationToken) =>
        (await _storage.ReadAsync(Address.Derivation(input), Derivation.MaxBytes, cancellationToken))?.Bytes;

    /// <summary>
    /// Resolved derivations that are kept in a directory. Empty for a cache over HTTP, which has no listing that one could rely on.
    /// </summary>
    public IEnumerable<ResolvedInputHash> ListDerivations()
    {
        if (Address.IsDirectory && TraceCacheAddress.LocalPath(Address.Derivations) is var folder && Directory.Exists(folder))
        {
            foreach (var file in Directory.EnumerateFiles(folder))
            {
                if (ResolvedInputHash.TryParse(Path.GetFileName(file), out var input))
                {
                    yield return input;
                }
            }
        }
    }

    public void Dispose()
    {
        _storage.Dispose();
        _lookups.Dispose();
    }

    static TraceObject Parse(Uri name, StoredTrace read, TraceElement element)
    {
        if (!TraceObject.TryRead(read.Bytes, out var traces, out var problem))
        {
            throw new TraceCacheException($"{name} cannot be added to: {problem}");
        }
        return (traces.Layout == TraceLayout.JwsSet) == element.IsJws
            ? traces
            : throw new TraceCacheException($"{name} cannot be added to: it has the other layout");
    }

    async Task<(TraceObject? Traces, string? Problem)> ReadAsync(
        ResolvedInputHash input,
        TraceLayout layout,
        CancellationToken cancellationToken
    )
    {
        var name = Address.Object(input, layout);
        var (read, failure) = await LookUpAsync(name, TraceObject.MaxBytes, cancellationToken);
        return read is null ? (null, failure)
            : TraceObject.TryRead(read.Bytes, out var traces, out var problem) ? (traces, null)
            : (null, $"{name}: {problem}");
    }

    /// <summary>Neither, when the place says that it has no such object.</summary>
    async Task<(StoredTrace? Read, string? Failure)> LookUpAsync(Uri name, int maxBytes, CancellationToken cancellationToken)
    {
        await _lookups.WaitAsync(cancellationToken);
        try
        {
            if (_patience?.Ended is { } ended)
            {
                return (null, ended);
            }
            var began = _time.GetTimestamp();
            try
            {
                return (await _storage.ReadAsync(name, maxBytes, cancellationToken), null);
            }
            catch (TraceCacheException e)
            {
                _patience?.Failed(began, e.Message);
                return (null, e.Message);
            }
        }
        finally
        {
            _lookups.Release();
        }
    }
}
