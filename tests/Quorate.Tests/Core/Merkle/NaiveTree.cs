using System.Security.Cryptography;
using Quorate.Core;

namespace Quorate.Tests.Core.Merkle;

/// <summary>RFC 6962 §2.1 word for word, as the oracle.</summary>
static class NaiveTree
{
    public static Sha256Digest Root(ReadOnlySpan<Sha256Digest> leaves) =>
        leaves.Length switch
        {
            0 => new Sha256Digest(SHA256.HashData([])),
            1 => leaves[0],
            _ => Node(Root(leaves[..Split(leaves.Length)]), Root(leaves[Split(leaves.Length)..])),
        };

    public static List<Sha256Digest> Path(int index, ReadOnlySpan<Sha256Digest> leaves)
    {
        if (leaves.Length <= 1)
        {
            return [];
        }
        var k = Split(leaves.Length);
        return index < k ? [.. Path(index, leaves[..k]), Root(leaves[k..])] : [.. Path(index - k, leaves[k..]), Root(leaves[..k])];
    }

    public static List<Sha256Digest> Proof(int first, ReadOnlySpan<Sha256Digest> leaves) => SubProof(first, leaves, true);

    static List<Sha256Digest> SubProof(int first, ReadOnlySpan<Sha256Digest> leaves, bool whole)
    {
        if (first == leaves.Length)
        {
            return whole ? [] : [Root(leaves)];
        }
        var k = Split(leaves.Length);
        return first <= k
            ? [.. SubProof(first, leaves[..k], whole), Root(leaves[k..])]
            : [.. SubProof(first - k, leaves[k..], false), Root(leaves[..k])];
    }

    static int Split(int count)
    {
        var k = 1;
        while (2 * k < count)
        {
            k *= 2;
        }
        return k;
    }

    static Sha256Digest Node(Sha256Digest left, Sha256Digest right) => new(SHA256.HashData([1, .. left.AsSpan(), .. right.AsSpan()]));
}
