namespace Quorate.Log.Auditing;

/// <summary>What became of reading an object.</summary>
public enum TileRead
{
    Found,

    /// <summary>The log does not have it: a missing file, 404.</summary>
    Absent,

    /// <summary>It is longer than anything that may stand there.</summary>
    TooLong,
}

/// <summary>Where a tile log is read from. Safe for concurrent calls with different buffers.</summary>
public interface ITileSource
{
    /// <summary>Reads the object at a path below the log's prefix, like <c>tile/0/x001/234</c>.</summary>
    /// <exception cref="TileSourceException">It cannot be told whether the log has it: the disk or the network failed.</exception>
    ValueTask<TileRead> ReadAsync(string path, TileBuffer buffer, int maxBytes, CancellationToken cancellationToken);
}

/// <summary>The source failed, which says nothing about the log.</summary>
public sealed class TileSourceException : IOException
{
    public TileSourceException(string message)
        : base(message) { }

    public TileSourceException(string message, Exception inner)
        : base(message, inner) { }
}

/// <summary>A buffer that one worker uses again and again. Grows to what is needed.</summary>
public sealed class TileBuffer
{
    const int Smallest = 32 << 10;

    byte[] _bytes = new byte[Smallest];

    public int Length { get; private set; }

    /// <summary>What was read; changed by the next read. Whoever reads may overwrite it.</summary>
    public Span<byte> Bytes => _bytes.AsSpan(0, Length);

    /// <summary>Room for at least this many bytes behind those that are there.</summary>
    public Memory<byte> Room(int bytes)
    {
        if (_bytes.Length - Length < bytes)
        {
            Array.Resize(ref _bytes, (int)Math.Min(Array.MaxLength, Math.Max(2L * _bytes.Length, (long)Length + bytes)));
        }
        return _bytes.AsMemory(Length);
    }

    public void Clear() => Length = 0;

    /// <summary>Counts bytes in that were written into <see cref="Room"/>.</summary>
    public void Advance(int bytes) =>
        Length = Length + bytes <= _bytes.Length ? Length + bytes : throw new ArgumentOutOfRangeException(nameof(bytes));
}
