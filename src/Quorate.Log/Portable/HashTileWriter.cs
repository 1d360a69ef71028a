using System.Runtime.InteropServices;
using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Log.Tiles;

namespace Quorate.Log.Portable;

/// <summary>Makes the hash tiles of a tree from its leaves as they come; no more than one tile of each level is in memory.</summary>
sealed class HashTileWriter(string folder)
{
    readonly List<(List<Sha256Digest> Hashes, ulong Tiles)> _levels = [];

    internal void Append(in Sha256Digest leaf) => Append(0, leaf);

    /// <summary>Writes the partial tiles.</summary>
    internal void Finish()
    {
        for (var level = 0; level < _levels.Count; level++)
        {
            var (hashes, tiles) = _levels[level];
            if (hashes.Count > 0)
            {
                Write(level, new TileNumber(tiles, hashes.Count), hashes);
            }
        }
    }

    void Append(int level, in Sha256Digest hash)
    {
        if (level == _levels.Count)
        {
            _levels.Add(([], 0));
        }
        var (hashes, tiles) = _levels[level];
        hashes.Add(hash);
        if (hashes.Count < TileNumber.FullWidth)
        {
            return;
        }
        Write(level, new TileNumber(tiles), hashes);
        var nodes = hashes.ToArray();
        for (var width = nodes.Length; width > 1; width /= 2)
        {
            TreeHash.Nodes(TreeHash.NodePrefix, nodes.AsSpan(0, width), nodes.AsSpan(0, width / 2));
        }
        hashes.Clear();
        _levels[level] = (hashes, tiles + 1);
        Append(level + 1, nodes[0]);
    }

    void Write(int level, TileNumber number, List<Sha256Digest> hashes) =>
        PortableFiles.Write(folder, TileLayout.HashPath(level, number), MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(hashes)));
}
