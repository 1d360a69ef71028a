namespace Quorate.Postgres;

/// <summary>
/// Chunks read or written last, up to a number of bytes. Chunks never change, so that nothing here can be stale but after a truncation. Safe for any number of threads.
/// </summary>
sealed class ChunkCache(long capacity)
{
    // What the bookkeeping of one chunk takes, so that a million tiny chunks are not free.
    const int Overhead = 200;

    readonly Lock _lock = new();
    readonly Dictionary<(long Frame, int Number), LinkedListNode<FrameChunk>> _chunks = [];
    readonly LinkedList<FrameChunk> _recent = [];
    long _bytes;

    internal bool TryGet(long frame, int number, out FrameChunk chunk)
    {
        lock (_lock)
        {
            if (!_chunks.TryGetValue((frame, number), out var node))
            {
                chunk = default;
                return false;
            }
            _recent.Remove(node);
            _recent.AddFirst(node);
            chunk = node.Value;
            return true;
        }
    }

    /// <param name="chunk">Its bytes are kept, not copied.</param>
    internal void Add(in FrameChunk chunk)
    {
        lock (_lock)
        {
            if (!_chunks.TryAdd((chunk.Frame, chunk.Number), new LinkedListNode<FrameChunk>(chunk)))
            {
                return;
            }
            _recent.AddFirst(_chunks[(chunk.Frame, chunk.Number)]);
            _bytes += chunk.Bytes.Length + Overhead;
            while (_bytes > capacity && _recent.Last is { } last)
            {
                Remove(last);
            }
        }
    }

    internal void Clear()
    {
        lock (_lock)
        {
            _chunks.Clear();
            _recent.Clear();
            _bytes = 0;
        }
    }

    void Remove(LinkedListNode<FrameChunk> node)
    {
        _recent.Remove(node);
        _chunks.Remove((node.Value.Frame, node.Value.Number));
        _bytes -= node.Value.Bytes.Length + Overhead;
    }
}
