using Quorate.Core.Columns;

namespace Quorate.Log.Indexing;

/// <summary>
/// The records of all heads, oldest first. Most of it may be in a file; the tree size of every 32nd head stays in memory, so that finding the head that
/// covers an entry reads one block. One writer; readers ask below a count that was published to them.
/// </summary>
sealed class HeadLog(IColumnFile? file)
{
    const int ChunkSize = 32;

    readonly Column<HeadRecord> _records = new(ChunkSize, file);
    readonly Column<ulong> _fences = new(1024);

    internal ulong Count => _records.Count;

    internal IOException? SpillFailure => _records.SpillFailure;

    internal HeadRecord this[ulong number] => _records[number];

    internal void Append(in HeadRecord record)
    {
        if (_records.Count % ChunkSize == 0)
        {
            _fences.Append(record.TreeSize);
        }
        _records.Append(record);
        _records.Spill();
    }

    /// <summary>The first of <paramref name="count"/> heads whose tree is larger than <paramref name="index"/>; the last one must be.</summary>
    internal HeadRecord FirstCovering(ulong index, ulong count)
    {
        // The last chunk whose first head does not cover the entry holds that head, unless it begins the next chunk.
        var (low, high) = (0UL, (count + ChunkSize - 1) / ChunkSize);
        while (low < high)
        {
            var middle = low + (high - low) / 2;
            (low, high) = _fences[middle] > index ? (low, middle) : (middle + 1, high);
        }
        Span<HeadRecord> chunk = stackalloc HeadRecord[ChunkSize];
        for (var start = low == 0 ? 0 : (low - 1) * ChunkSize; start < count; start += ChunkSize)
        {
            chunk = chunk[..(int)Math.Min(ChunkSize, count - start)];
            _records.Read(start, chunk);
            foreach (ref readonly var record in chunk)
            {
                if (record.TreeSize > index)
                {
                    return record;
                }
            }
        }
        throw new ArgumentOutOfRangeException(nameof(index), index, "no head covers it");
    }

    internal IEnumerable<int> CheckStored(ulong count) => _records.CheckStored(count);

    internal void Save(Stream image, ulong count)
    {
        _fences.Save(image, (count + ChunkSize - 1) / ChunkSize);
        _records.Save(image, count);
    }

    /// <exception cref="Core.MalformedException">The file is too short for it.</exception>
    internal static HeadLog Load(Stream image, ulong count, IColumnFile? file)
    {
        var heads = new HeadLog(file);
        heads._fences.Load(image, (count + ChunkSize - 1) / ChunkSize);
        heads._records.Load(image, count);
        return heads;
    }
}
