using Quorate.Core.Hashing;

namespace Quorate.Core.Map;

/// <summary>One key to add to the map, or to change in it.</summary>
public readonly record struct MapInsertion
{
    // Fields, so that the trie can refer to them instead of copying.
    internal readonly Sha256Digest PathField;
    internal readonly Sha256Digest ValueHashField;

    public MapInsertion(Sha256Digest path, Sha256Digest valueHash, ulong index) =>
        (PathField, ValueHashField, Index) = (path, valueHash, index);

    /// <summary>SHA-256 of the key.</summary>
    public Sha256Digest Path => PathField;

    /// <summary>SHA-256 of what <see cref="MapRule"/> writes.</summary>
    public Sha256Digest ValueHash => ValueHashField;

    /// <summary>The largest log index that the value names.</summary>
    public ulong Index { get; }

    /// <summary>The insertion that makes <paramref name="key"/> point at log entry <paramref name="index"/>.</summary>
    public static MapInsertion Of(ReadOnlySpan<byte> key, in Sha256Digest valueDigest, ulong index) =>
        new(ShortSha256.Hash(key), MapEntryJson.Hash(in valueDigest, index), index);
}
