namespace Quorate.Core.Map;

/// <summary>
/// The map of a log of one size. Never changes. Readers enter it by <see cref="TryRead"/>; once it is closed they are refused, and those that are
/// inside may finish. Safe for any number of threads.
/// </summary>
public class MapVersion
{
    const int Closed = int.MinValue;

    readonly IMapLeaves _leaves;

    // Readers inside, plus Closed.
    int _state;

    internal MapVersion(MapBlocks blocks, IMapLeaves leaves, MapEdge root, int count, ulong treeSize) =>
        (Blocks, _leaves, RootEdge, Count, TreeSize) = (blocks, leaves, root, count, treeSize);

    /// <summary>Keys in the map.</summary>
    public int Count { get; }

    /// <summary>Entries of the log that this is the map of.</summary>
    public ulong TreeSize { get; }

    /// <summary>32 zero bytes for the empty map.</summary>
    public Sha256Digest Root => RootEdge.Hash;

    /// <summary>Blocks below the root; null where they were not counted.</summary>
    internal uint? BlockCount { get; init; }

    internal MapBlocks Blocks { get; }
    internal MapEdge RootEdge { get; }
    internal MapWalk Walk => new(RootEdge, Blocks, _leaves);

    /// <summary>
    /// Enters the version; the reader must be disposed of. False when the version is closed: take the newest one and try again.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The map was disposed of.</exception>
    public bool TryRead(out MapReader reader)
    {
        var entered = TryEnter();
        reader = entered ? new MapReader(this) : default;
        return entered;
    }

    /// <summary>
    /// The map as it was when the log had <paramref name="treeSize"/> entries: without keys, and values of keys, whose index is not smaller. Takes time and memory for the newer
    /// keys, and keeps this version open until it is disposed of. Null when this version is closed.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The map was disposed of.</exception>
    public HistoricMap? At(ulong treeSize)
    {
        if (!TryEnter())
        {
            return null;
        }
        try
        {
            return MapPruner.At(this, _leaves, treeSize);
        }
        catch
        {
            Leave();
            throw;
        }
    }

    /// <summary>
    /// Writes the version as one run of bytes, 88 a key, with their own SHA-256 at the end (docs/formats/map.md). The writer goes on meanwhile. False, with nothing written,
    /// when the version is closed.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The map was disposed of.</exception>
    public bool TrySave(Stream image, CancellationToken cancellationToken)
    {
        if (!TryEnter())
        {
            return false;
        }
        try
        {
            MapImage.Write(this, image, cancellationToken);
            return true;
        }
        finally
        {
            Leave();
        }
    }

    internal void Leave()
    {
        if (Interlocked.Decrement(ref _state) == Closed)
        {
            OnLeft();
        }
    }

    /// <summary>Closes the version unless a reader is inside.</summary>
    internal bool TryClose() => Interlocked.CompareExchange(ref _state, Closed, 0) == 0;

    /// <summary>Closes the version; <see cref="OnLeft"/> follows when nobody is inside.</summary>
    internal void Close()
    {
        if (Interlocked.Or(ref _state, Closed) == 0)
        {
            OnLeft();
        }
    }

    /// <summary>After <see cref="Close"/>, by the last to leave.</summary>
    private protected virtual void OnLeft() => Blocks.Arena.Release();

    bool TryEnter()
    {
        ObjectDisposedException.ThrowIf(Blocks.Arena.IsClosed, typeof(SparseMap));
        var state = Volatile.Read(ref _state);
        while (state >= 0)
        {
            var seen = Interlocked.CompareExchange(ref _state, state + 1, state);
            if (seen == state)
            {
                return true;
            }
            state = seen;
        }
        return false;
    }
}

/// <summary>A reader inside a version, which stays as it is until the reader is disposed of, once.</summary>
public readonly ref struct MapReader : IDisposable
{
    readonly MapVersion _version;

    internal MapReader(MapVersion version) => _version = version;

    /// <summary>The log index stored under a path (the SHA-256 of a key).</summary>
    /// <exception cref="MapDamagedException">The log no longer has what the map holds.</exception>
    public bool TryFind(in Sha256Digest path, out ulong index) => _version.Walk.TryFind(in path, out index);

    /// <summary>A proof that the path is in the map with its value, or that it is not in the map.</summary>
    /// <param name="index">The log index stored under the path; null when it is absent.</param>
    /// <exception cref="MapDamagedException">The log no longer has what the map holds.</exception>
    public MapProof Prove(in Sha256Digest path, out ulong? index) => _version.Walk.Prove(in path, out index);

    public void Dispose() => _version.Leave();
}

/// <summary>The map of an earlier size, laid over a newer version. Keeps that one open, so it should not be kept for long.</summary>
public sealed class HistoricMap : MapVersion, IDisposable
{
    readonly MapVersion _newer;
    int _disposed;

    internal HistoricMap(MapVersion newer, MapArena overlay, IMapLeaves leaves, MapEdge root, int count, ulong treeSize)
        : base(new MapBlocks(newer.Blocks.Arena, overlay), leaves, root, count, treeSize) => _newer = newer;

    /// <summary>Keys of the newer version that are left out, or had another value.</summary>
    public required int NewerKeys { get; init; }

    /// <summary>Refuses new readers. What the map holds goes with the last one inside.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            Close();
        }
    }

    private protected override void OnLeft()
    {
        Blocks.Overlay!.Release();
        _newer.Leave();
    }
}
