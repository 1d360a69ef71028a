namespace Quorate.Core.Merkle;

/// <summary>
/// A growing list of digests in chunks that never move: one level of a tree. One writer; readers need no lock as long as they ask only for
/// positions that were written before something they synchronised with (a published size).
/// </summary>
sealed class DigestColumn
{
    /// <summary>Even, so that two siblings are never in different chunks.</summary>
    public const int ChunkSize = 256;

    // Replaced by a larger copy when full; readers see the old one or the new one, and both hold every published chunk.
    Sha256Digest[]?[] _chunks = [];

    public ref readonly Sha256Digest this[ulong index] =>
        ref Volatile.Read(ref _chunks)[checked((int)(index / ChunkSize))]![(int)(index % ChunkSize)];

    /// <summary>Published digests from <paramref name="index"/> to its chunk's end; those behind them may not be set yet.</summary>
    public ReadOnlySpan<Sha256Digest> Stored(ulong index) =>
        Volatile.Read(ref _chunks)[checked((int)(index / ChunkSize))].AsSpan((int)(index % ChunkSize));

    /// <summary>The part of the chunk that holds <paramref name="index"/>, from there to the chunk's end; writer only.</summary>
    public Span<Sha256Digest> From(ulong index)
    {
        var number = checked((int)(index / ChunkSize));
        if (number >= _chunks.Length)
        {
            var larger = new Sha256Digest[]?[Math.Max(number + 1, 2 * _chunks.Length)];
            _chunks.CopyTo(larger, 0);
            Volatile.Write(ref _chunks, larger);
        }
        var chunk = _chunks[number];
        if (chunk is null)
        {
            chunk = new Sha256Digest[ChunkSize];
            Volatile.Write(ref _chunks[number], chunk);
        }
        return chunk.AsSpan((int)(index % ChunkSize));
    }
}
