namespace Quorate.Log.Indexing;

/// <summary>
/// A growing list in chunks that never move. One writer; readers need no lock as long as they ask only for positions below a size that the
/// writer has published to them.
/// </summary>
sealed class AppendOnlyColumn<T>
    where T : struct
{
    const int ChunkSize = 1024;

    // Replaced by a larger copy when full; readers see the old or the new one, and both hold every published chunk.
    T[]?[] _chunks = [];

    /// <summary>Items stored, published or not. Writer only.</summary>
    internal ulong Count { get; private set; }

    internal T this[ulong index] => Volatile.Read(ref _chunks)[checked((int)(index / ChunkSize))]![(int)(index % ChunkSize)];

    internal void Append(in T item)
    {
        var number = checked((int)(Count / ChunkSize));
        if (number == _chunks.Length)
        {
            var larger = new T[]?[Math.Max(4, 2 * number)];
            _chunks.CopyTo(larger, 0);
            Volatile.Write(ref _chunks, larger);
        }
        var chunk = _chunks[number] ??= new T[ChunkSize];
        chunk[(int)(Count % ChunkSize)] = item;
        Count++;
    }

    /// <summary>Forgets items that no reader has been told of. Writer only.</summary>
    internal void TruncateTo(ulong count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Count);
        Count = count;
    }
}
