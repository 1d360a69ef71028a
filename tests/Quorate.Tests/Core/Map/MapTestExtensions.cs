using Quorate.Core;
using Quorate.Core.Map;
using Xunit;

namespace Quorate.Tests.Core.Map;

/// <summary>Single questions to versions that the test keeps open.</summary>
static class MapTestExtensions
{
    /// <summary>A map that says of each key what it is told, true or not: two keys may name one index.</summary>
    public static SparseMap Claiming(IEnumerable<(ReadOnlyMemory<byte> Key, Sha256Digest ValueDigest, ulong Index)> claims) =>
        SparseMap.Build([
            .. claims.Select(
                (c, i) => new MapInsertion(Sha256Digest.HashData(c.Key.Span), MapEntryJson.Hash(c.ValueDigest, c.Index), (ulong)i)
            ),
        ]);

    public static Sha256Digest Root(this SparseMap map) => map.Published.Root;

    public static MapProof Prove(this SparseMap map, Sha256Digest path) => map.Published.Prove(path);

    public static MapProof Prove(this MapVersion version, Sha256Digest path)
    {
        Assert.True(version.TryRead(out var reader));
        using (reader)
        {
            return reader.Prove(path, out _);
        }
    }

    public static bool TryFind(this MapVersion version, Sha256Digest path, out ulong index)
    {
        Assert.True(version.TryRead(out var reader));
        using (reader)
        {
            return reader.TryFind(path, out index);
        }
    }
}

/// <summary>Leaves that a test adds to; paths may be anything.</summary>
sealed class TestLeaves : IMapLeaves
{
    readonly System.Collections.Concurrent.ConcurrentDictionary<ulong, MapInsertion> _byIndex = [];

    public int Reads;

    public void Add(IEnumerable<MapInsertion> insertions)
    {
        foreach (var insertion in insertions)
        {
            _byIndex[insertion.Index] = insertion;
        }
    }

    public void Read(ulong index, out Sha256Digest path, out Sha256Digest valueHash)
    {
        Interlocked.Increment(ref Reads);
        (path, valueHash) = (_byIndex[index].Path, _byIndex[index].ValueHash);
    }
}
