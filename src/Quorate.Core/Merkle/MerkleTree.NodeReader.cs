namespace Quorate.Core.Merkle;

public sealed partial class MerkleTree
{
    /// <summary>
    /// Reads hashes of complete subtrees for one answer over the tree's first <c>size</c> leaves. Those below the level that is kept are computed
    /// from the leaves of their block, one block at a time, and a whole block must have the hash that is in memory.
    /// </summary>
    ref struct NodeReader(MerkleTree tree, ulong size, Span<Sha256Digest> nodes)
    {
        /// <summary>Room for all levels of a block but its root: 64 + 32 + 16 + 8 + 4 + 2.</summary>
        internal const int Length = 2 * BlockSize - 2;

        readonly Span<Sha256Digest> _nodes = nodes;
        ulong _block = ulong.MaxValue;

        /// <exception cref="IOException">The leaves in the file are not what was written.</exception>
        internal Sha256Digest this[int level, ulong index]
        {
            get
            {
                if (level >= BlockLevel)
                {
                    return tree._upper[level - BlockLevel][index];
                }
                var block = index >> (BlockLevel - level);
                if (block != _block)
                {
                    Load(block);
                }
                return _nodes[Start(level) + (int)(index & ((1UL << (BlockLevel - level)) - 1))];
            }
        }

        static int Start(int level) => 2 * BlockSize - (2 * BlockSize >> level);

        void Load(ulong block)
        {
            var width = (int)Math.Min(BlockSize, size - block * BlockSize);
            tree._leaves.Read(block * BlockSize, _nodes[..width]);
            var isWhole = width == BlockSize;
            for (var level = 1; level < BlockLevel; level++)
            {
                var parents = width / 2;
                TreeHash.Nodes(TreeHash.NodePrefix, _nodes.Slice(Start(level - 1), 2 * parents), _nodes.Slice(Start(level), parents));
                width = parents;
            }
            if (isWhole && TreeHash.Node(in _nodes[Length - 2], in _nodes[Length - 1]) != tree._upper[0][block])
            {
                throw tree._leaves.Damaged(block * BlockSize);
            }
            _block = block;
        }
    }
}
