using System.Buffers;
using Quorate.Core.Hashing;

namespace Quorate.Core.Merkle;

/// <summary>The hashes of RFC 6962 §2.1 with SHA-256, and the Trustix leaf, whose data is <c>key ‖ ":" ‖ SHA-256(value)</c>.</summary>
public static class TreeHash
{
    public const byte LeafPrefix = 0;
    public const byte NodePrefix = 1;

    const int StackLimit = 512;

    /// <summary>The root of the empty tree: SHA-256 of nothing.</summary>
    public static Sha256Digest EmptyRoot { get; } = ShortSha256.Hash([]);

    /// <summary>H(0x00 ‖ data)</summary>
    public static Sha256Digest Leaf(ReadOnlySpan<byte> data) => LeafOf(data, []);

    /// <summary>H(0x00 ‖ key ‖ ":" ‖ value digest)</summary>
    public static Sha256Digest EntryLeaf(ReadOnlySpan<byte> key, in Sha256Digest valueDigest)
    {
        Span<byte> tail = stackalloc byte[1 + Sha256Digest.Size];
        tail[0] = (byte)':';
        valueDigest.CopyTo(tail[1..]);
        return LeafOf(key, tail);
    }

    /// <summary>H(0x01 ‖ left ‖ right)</summary>
    public static Sha256Digest Node(in Sha256Digest left, in Sha256Digest right) => Sha256Lanes.HashPair(NodePrefix, in left, in right);

    /// <summary><c>parents[i] = H(prefix ‖ pairs[2i] ‖ pairs[2i+1])</c>, many at once. The parents may overlay the start of the pairs.</summary>
    public static void Nodes(byte prefix, ReadOnlySpan<Sha256Digest> pairs, Span<Sha256Digest> parents) =>
        Sha256Lanes.HashPairs(prefix, pairs, parents);

    static Sha256Digest LeafOf(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        var length = 1 + first.Length + second.Length;
        byte[]? rented = null;
        var message = length <= StackLimit ? stackalloc byte[StackLimit] : (rented = ArrayPool<byte>.Shared.Rent(length));
        message = message[..length];
        message[0] = LeafPrefix;
        first.CopyTo(message[1..]);
        second.CopyTo(message[(1 + first.Length)..]);
        var digest = ShortSha256.Hash(message);
        if (rented is not null)
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
        return digest;
    }
}
