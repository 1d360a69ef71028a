using System.Runtime.InteropServices;
using Quorate.Core.Columns;

namespace Quorate.Core.Merkle;

public sealed partial class MerkleTree
{
    /// <summary>
    /// Writes what is needed, beside the file of leaves, to have the tree of the first <paramref name="size"/> leaves again: the roots of its complete
    /// blocks, then its column's part. Beside the writer; the size must be published.
    /// </summary>
    /// <exception cref="IOException">Some leaves are not in the file.</exception>
    public void Save(Stream image, ulong size)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, Size);
        var blocks = size >> BlockLevel;
        for (var at = 0UL; at < blocks; )
        {
            var nodes = _upper[0].Stored(at);
            nodes = nodes[..(int)Math.Min((ulong)nodes.Length, blocks - at)];
            image.Write(MemoryMarshal.AsBytes(nodes));
            at += (ulong)nodes.Length;
        }
        _leaves.Save(image, size);
    }

    /// <summary>
    /// Restores a tree that <see cref="Save"/> wrote, over its file of leaves. The caller compares its root with one that it believes: every leaf that is
    /// read later is checked against that root.
    /// </summary>
    /// <exception cref="MalformedException">The file is too short for it.</exception>
    public static MerkleTree Load(Stream image, ulong size, IColumnFile? file)
    {
        var blocks = size >> BlockLevel;
        var upper = new DigestColumn();
        for (var at = 0UL; at < blocks; )
        {
            var nodes = upper.From(at);
            nodes = nodes[..(int)Math.Min((ulong)nodes.Length, blocks - at)];
            image.ReadExactly(MemoryMarshal.AsBytes(nodes));
            at += (ulong)nodes.Length;
        }
        var tree = new MerkleTree(file) { _size = size };
        tree._leaves.Load(image, size);
        tree._upper[0] = upper;
        for (var i = 0; size >> (BlockLevel + i + 1) != 0; i++)
        {
            tree.HashLevel(i, 0, size >> (BlockLevel + i + 1));
        }
        return tree;
    }
}
