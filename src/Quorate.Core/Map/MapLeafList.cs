using System.Runtime.InteropServices;

namespace Quorate.Core.Map;

/// <summary>Keeps leaves in memory (72 bytes each), for maps without a log behind them: checks, and maps that are built in one go. One writer, no readers beside it.</summary>
public sealed class MapLeafList : IMapLeaves
{
    // By index, ascending.
    readonly List<MapInsertion> _leaves = [];

    /// <exception cref="ArgumentException">An index is not larger than the last one.</exception>
    public void Add(MapInsertion insertion)
    {
        if (_leaves is [.., var last] && last.Index >= insertion.Index)
        {
            throw new ArgumentException($"index {insertion.Index} comes after {last.Index}", nameof(insertion));
        }
        _leaves.Add(insertion);
    }

    public void Read(ulong index, out Sha256Digest path, out Sha256Digest valueHash)
    {
        var leaves = CollectionsMarshal.AsSpan(_leaves);
        var (low, high) = (0, leaves.Length - 1);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = leaves[middle].Index < index ? (middle + 1, high) : (low, middle);
        }
        if (high < 0 || leaves[low].Index != index)
        {
            throw new MapDamagedException($"there is no entry {index}");
        }
        (path, valueHash) = (leaves[low].Path, leaves[low].ValueHash);
    }
}
