using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Log.Images;

namespace Quorate.Log.Indexing;

/// <summary>
/// Keys with several, different entries, by their first one. Few under the rule that the first value counts: a builder that contradicts itself. Where all claims count, the
/// map names the newest entry that counts, and this leads back to the others. One writer; readers go by what was published to them, and may see more.
/// </summary>
sealed class RepeatedKeys(MapRule rule)
{
    readonly ConcurrentDictionary<ulong, LaterEntries> _later = new();

    // From later entries to the first one; empty where the map names the first.
    readonly ConcurrentDictionary<ulong, ulong> _firsts = new();

    /// <summary>Entries of the key whose first entry is <paramref name="first"/>, without that one; may name some beyond the caller's snapshot.</summary>
    internal ReadOnlySpan<ulong> LaterOf(ulong first) => _later.TryGetValue(first, out var later) ? later.AsSpan() : [];

    /// <summary>The first entry of the key for which the map names <paramref name="named"/>.</summary>
    internal ulong FirstOf(ulong named) => _firsts.TryGetValue(named, out var first) ? first : named;

    /// <summary>The entries that count of the key for which a version of the map names <paramref name="named"/>, in log order.</summary>
    internal ulong[] Claims(ulong named)
    {
        var first = FirstOf(named);
        if (first == named)
        {
            return [named];
        }
        var later = LaterOf(first);
        return [first, .. later[..(later.BinarySearch(named) + 1)]];
    }

    /// <summary>The newest of a key's claims below <paramref name="treeSize"/>; null when the key is newer.</summary>
    internal ulong? Before(ulong named, ulong treeSize)
    {
        var claims = Claims(named);
        for (var i = claims.Length - 1; i >= 0; i--)
        {
            if (claims[i] < treeSize)
            {
                return claims[i];
            }
        }
        return null;
    }

    internal void Add(ulong first, ulong later)
    {
        _later.GetOrAdd(first, static _ => new LaterEntries()).Add(later);
        if (rule.CountsAll)
        {
            _firsts[later] = first;
        }
    }

    internal void TruncateTo(ulong size)
    {
        foreach (var later in _later.Values)
        {
            foreach (var index in later.AsSpan())
            {
                if (index >= size)
                {
                    _firsts.TryRemove(index, out _);
                }
            }
            later.TruncateTo(size);
        }
    }

    internal void Clear()
    {
        _later.Clear();
        _firsts.Clear();
    }

    internal void Save(Stream image, ulong size)
    {
        Span<byte> fields = stackalloc byte[16];
        foreach (var (first, later) in _later)
        {
            var indexes = later.AsSpan();
            var beyond = indexes.BinarySearch(size);
            indexes = indexes[..(beyond < 0 ? ~beyond : beyond)];
            if (first < size && !indexes.IsEmpty)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(fields, first);
                BinaryPrimitives.WriteInt64LittleEndian(fields[8..], indexes.Length);
                image.Write(fields);
                image.Write(MemoryMarshal.AsBytes(indexes));
            }
        }
    }

    /// <summary>Takes over what <see cref="Save"/> wrote, and returns the number of keys.</summary>
    /// <exception cref="MalformedException">The section does not add up.</exception>
    internal int Load(SectionReader image)
    {
        Span<byte> fields = stackalloc byte[16];
        while (image.Remaining > 0)
        {
            image.ReadExactly(fields);
            var count = BinaryPrimitives.ReadInt64LittleEndian(fields[8..]);
            if (count < 1 || count > image.Remaining / sizeof(ulong))
            {
                throw new MalformedException($"its section {nameof(ImageSection.Later)} does not add up");
            }
            var indexes = new ulong[count];
            image.ReadExactly(MemoryMarshal.AsBytes(indexes.AsSpan()));
            var first = BinaryPrimitives.ReadUInt64LittleEndian(fields);
            _later[first] = new LaterEntries(indexes);
            foreach (var index in rule.CountsAll ? indexes : [])
            {
                _firsts[index] = first;
            }
        }
        return _later.Count;
    }
}
