using Quorate.Core;
using Quorate.Core.Hashing;
using Quorate.Core.Map;
using Quorate.Log.Checking;
using Quorate.Log.Tiles;

namespace Quorate.Log.Auditing;

/// <summary>Rebuilds the map of a Quorate log from its entries, which several workers note.</summary>
sealed class MapAudit(MapRule rule) : IDisposable
{
    const int ChunkSize = 1 << 14;

    readonly CheckedMap _map = new(rule);

    // Those that the map has taken are null.
    readonly List<Noted[]?> _noted = [];
    ulong _count;

    /// <summary>The root of the map over the first <paramref name="size"/> entries, which must have been noted.</summary>
    internal Sha256Digest RootAt(ulong size)
    {
        while (_count < size)
        {
            ref readonly var entry = ref At(_count);
            _map.Add(entry.Path, entry.Digest, _count++);
            if (_count % ChunkSize == 0)
            {
                _noted[(int)(_count / ChunkSize) - 1] = null;
            }
        }
        return _map.Root();
    }

    /// <summary>Makes room for entries, so that <see cref="Note"/> can be called for them by several workers.</summary>
    internal void Reserve(ulong size)
    {
        while ((ulong)_noted.Count * ChunkSize < size)
        {
            _noted.Add(new Noted[ChunkSize]);
        }
    }

    /// <summary>Keeps what the map needs of an entry; false where it is no Quorate entry.</summary>
    internal bool Note(ulong index, ReadOnlySpan<byte> data)
    {
        if (!LeafData.TrySplit(data, out var key, out var digest))
        {
            return false;
        }
        At(index) = new Noted(ShortSha256.Hash(key), digest);
        return true;
    }

    public void Dispose() => _map.Dispose();

    ref Noted At(ulong index) => ref _noted[(int)(index / ChunkSize)]![index % ChunkSize];

    readonly record struct Noted(Sha256Digest Path, Sha256Digest Digest);
}
