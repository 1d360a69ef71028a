using Quorate.Core.Hashing;

namespace Quorate.Core.Map;

/// <summary>One key to add to the map.</summary>
/// <param name="Path">SHA-256 of the key.</param>
/// <param name="ValueHash">SHA-256 of the <see cref="MapEntryJson"/>.</param>
/// <param name="Index">The log index that the entry names.</param>
public readonly record struct MapInsertion(Sha256Digest Path, Sha256Digest ValueHash, ulong Index)
{
    /// <summary>The insertion that makes <paramref name="key"/> point at log entry <paramref name="index"/>.</summary>
    public static MapInsertion Of(ReadOnlySpan<byte> key, in Sha256Digest valueDigest, ulong index) =>
        new(ShortSha256.Hash(key), MapEntryJson.Hash(in valueDigest, index), index);
}
