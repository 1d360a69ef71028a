using System.Runtime.CompilerServices;

namespace Quorate.Core.Map;

/// <summary>
/// A node of the sparse map; the empty subtree is null. Nodes are shared between maps and never change once their hash is set, which
/// happens before the map that first holds them is handed out.
/// </summary>
abstract class MapNode
{
    /// <summary>H(0x00 ‖ path ‖ value hash) of a leaf, H(0x01 ‖ left ‖ right) of an inner node.</summary>
    public Sha256Digest Hash;

    /// <summary>The largest log index below, so that a subtree older than a given head is recognised without walking it.</summary>
    public readonly ulong MaxIndex;

    protected MapNode(ulong maxIndex) => MaxIndex = maxIndex;

    /// <summary>The two digests that follow the prefix in what the node hashes.</summary>
    public abstract void GetPreimage(out Sha256Digest left, out Sha256Digest right);

    /// <summary>Bit <paramref name="depth"/> of a path, counted from the most significant bit of the first byte; true goes right.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Bit(in Sha256Digest path, int depth) => (path.AsSpan()[depth >> 3] >> (7 - (depth & 7)) & 1) != 0;
}

sealed class MapLeaf(in Sha256Digest path, in Sha256Digest valueHash, ulong index) : MapNode(index)
{
    public readonly Sha256Digest Path = path;
    public readonly Sha256Digest ValueHash = valueHash;

    public override void GetPreimage(out Sha256Digest left, out Sha256Digest right)
    {
        left = Path;
        right = ValueHash;
    }
}

sealed class MapInner(MapNode? left, MapNode? right) : MapNode(Math.Max(left?.MaxIndex ?? 0, right?.MaxIndex ?? 0))
{
    public readonly MapNode? Left = left;
    public readonly MapNode? Right = right;

    public override void GetPreimage(out Sha256Digest left, out Sha256Digest right)
    {
        left = SparseMap.HashOf(Left);
        right = SparseMap.HashOf(Right);
    }
}
