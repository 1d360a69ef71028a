using System.Security.Cryptography;
using Quorate.Core;
using Quorate.Core.Map;

namespace Quorate.Tests.Core.Map;

/// <summary>The recursive definition of the sparse map, as the oracle.</summary>
static class NaiveMap
{
    public static Sha256Digest Root(IReadOnlyList<MapInsertion> entries, int depth = 0) =>
        entries.Count switch
        {
            0 => Sha256Digest.Zero,
            1 => Hash(0, entries[0].Path, entries[0].ValueHash),
            _ => Hash(1, Root(Side(entries, depth, 0), depth + 1), Root(Side(entries, depth, 1), depth + 1)),
        };

    /// <summary>Side nodes from the leaf upward, placeholders included, and the leaf that the path ends at.</summary>
    public static (List<Sha256Digest> SideNodes, MapInsertion? Leaf) Path(
        IReadOnlyList<MapInsertion> entries,
        Sha256Digest path,
        int depth = 0
    )
    {
        if (entries.Count <= 1)
        {
            return ([], entries.Count == 1 ? entries[0] : null);
        }
        var bit = Bit(path, depth);
        var (below, leaf) = Path(Side(entries, depth, bit), path, depth + 1);
        return ([.. below, Root(Side(entries, depth, 1 - bit), depth + 1)], leaf);
    }

    static List<MapInsertion> Side(IReadOnlyList<MapInsertion> entries, int depth, int bit) =>
        [.. entries.Where(entry => Bit(entry.Path, depth) == bit)];

    static int Bit(Sha256Digest path, int depth) => (path.AsSpan()[depth / 8] >> (7 - depth % 8)) & 1;

    static Sha256Digest Hash(byte prefix, Sha256Digest left, Sha256Digest right) =>
        new(SHA256.HashData([prefix, .. left.AsSpan(), .. right.AsSpan()]));
}
