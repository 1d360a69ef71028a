using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Quorate.Core.Columns;

/// <summary>
/// A growing list of values of one size, in chunks that never move. With a file, full chunks go there and leave memory; eight bytes of a hash of each
/// stay, so that a chunk read back is what was written or an error. One writer; readers need no lock as long as they ask only for positions below
/// a count that the writer has published to them.
/// </summary>
public sealed class Column<T>
    where T : unmanaged
{
    const int WriteBytes = 1 << 16;
    const int RecentBytes = 1 << 15;
    const int Attempts = 3;

    readonly IColumnFile? _file;
    readonly int _chunkSize;

    // Replaced by a larger copy when full; readers see the old one or the new one, and both hold every published chunk.
    volatile Directory _directory = new(4);
    ulong _count;

    // Chunks before this one are in the file. Writer only.
    int _spilled;

    // Chunks that were lately read from the file and checked, by number modulo its length: one answer often needs the same chunk several times. Slots are
    // replaced whole, so readers need no lock.
    readonly RecentChunk?[] _recent;

    /// <param name="chunkSize">Items that are written and read back together.</param>
    /// <param name="file">Null: everything stays in memory.</param>
    public Column(int chunkSize, IColumnFile? file = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(chunkSize);
        (_chunkSize, _file) = (chunkSize, file);
        _recent = file is null ? [] : new RecentChunk?[Math.Max(1, RecentBytes / ChunkBytes)];
    }

    /// <summary>Items stored, published or not.</summary>
    public ulong Count => Volatile.Read(ref _count);

    /// <summary>Why full chunks could not be written; they stay in memory and are tried again. Null when there are none.</summary>
    public IOException? SpillFailure { get; private set; }

    int ChunkBytes => _chunkSize * Unsafe.SizeOf<T>();

    /// <exception cref="IOException">The file no longer holds what was written.</exception>
    public T this[ulong index]
    {
        get
        {
            T item = default;
            Read(index, new Span<T>(ref item));
            return item;
        }
    }

    /// <summary>Copies items from <paramref name="start"/> on.</summary>
    /// <exception cref="IOException">The file no longer holds what was written.</exception>
    public void Read(ulong start, Span<T> items)
    {
        while (!items.IsEmpty)
        {
            var (number, offset) = Place(start);
            var count = Math.Min(items.Length, _chunkSize - offset);
            if (_directory.Chunk(number) is { } chunk)
            {
                chunk.AsSpan(offset, count).CopyTo(items);
            }
            else
            {
                ReadSpilled(number, offset, items[..count]);
            }
            items = items[count..];
            start += (ulong)count;
        }
    }

    /// <summary>Writer only.</summary>
    public void Append(in T item) => AppendRange(new ReadOnlySpan<T>(in item));

    /// <summary>Writer only. Nothing is written to the file before <see cref="Spill"/>.</summary>
    public void AppendRange(ReadOnlySpan<T> items)
    {
        var count = _count;
        while (!items.IsEmpty)
        {
            var (number, offset) = Place(count);
            var chunk = ChunkForWriting(number);
            var part = Math.Min(items.Length, _chunkSize - offset);
            items[..part].CopyTo(chunk.AsSpan(offset));
            items = items[part..];
            count += (ulong)part;
        }
        Volatile.Write(ref _count, count);
    }

    /// <summary>Forgets items that no reader has been told of. Writer only.</summary>
    /// <exception cref="IOException">The file no longer holds what was written.</exception>
    public void TruncateTo(ulong count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _count);
        var (number, offset) = Place(count);
        if (offset > 0 && _directory.Chunk(number) is null)
        {
            var chunk = new T[_chunkSize];
            ReadSpilled(number, 0, chunk);
            _directory.Set(number, chunk);
        }
        _spilled = Math.Min(_spilled, number);
        Volatile.Write(ref _count, count);
    }

    /// <summary>Moves full chunks from memory to the file. What cannot be written stays in memory. Writer only.</summary>
    public void Spill()
    {
        var full = Place(_count).Number;
        if (_file is null || _spilled == full)
        {
            return;
        }
        var buffer = ArrayPool<byte>.Shared.Rent(Math.Max(WriteBytes, ChunkBytes));
        try
        {
            while (_spilled < full)
            {
                var count = Math.Min(full - _spilled, buffer.Length / ChunkBytes);
                var bytes = buffer.AsSpan(0, count * ChunkBytes);
                for (var i = 0; i < count; i++)
                {
                    MemoryMarshal.AsBytes(_directory.Chunk(_spilled + i).AsSpan()).CopyTo(bytes[(i * ChunkBytes)..]);
                }
                _file.Write(bytes, (long)_spilled * ChunkBytes);
                for (var i = 0; i < count; i++)
                {
                    _directory.SetSpilled(_spilled + i, CheckOf(bytes.Slice(i * ChunkBytes, ChunkBytes)));
                }
                _spilled += count;
            }
            SpillFailure = null;
        }
        catch (IOException e)
        {
            SpillFailure = e;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>
    /// Writes what is needed, beside the file, to have the first <paramref name="count"/> items again: the checks of the full chunks, and the items
    /// behind them. Beside the writer; the count must be published.
    /// </summary>
    /// <exception cref="IOException">Some full chunks are not in the file.</exception>
    public void Save(Stream image, ulong count)
    {
        var (full, rest) = Place(count);
        var directory = _directory;
        if (_file is not null)
        {
            for (var number = 0; number < full; number++)
            {
                if (directory.Chunk(number) is not null)
                {
                    throw new IOException($"{_file.Path}: not all blocks could be written to it", SpillFailure);
                }
            }
            image.Write(MemoryMarshal.AsBytes(directory.Checks(full)));
        }
        var tail = new T[_file is null ? checked((int)count) : rest];
        Read(count - (ulong)tail.Length, tail);
        image.Write(MemoryMarshal.AsBytes(tail.AsSpan()));
    }

    /// <summary>Fills an empty column with what <see cref="Save"/> wrote, over its file. Chunks in the file are checked when they are read.</summary>
    /// <param name="image">One whose length is known.</param>
    /// <param name="count">At most <see cref="int.MaxValue"/>.</param>
    /// <exception cref="MalformedException">The file, or the image, is too short for it.</exception>
    public void Load(Stream image, ulong count)
    {
        if (_count != 0)
        {
            throw new InvalidOperationException("the column is not empty");
        }
        var (full, rest) = Place(count);
        if (_file is null)
        {
            rest = checked((int)count);
        }
        else
        {
            if (_file.Length < (long)full * ChunkBytes)
            {
                throw new MalformedException($"{_file.Path} has {_file.Length} bytes, not {(long)full * ChunkBytes}");
            }
            ThrowUnlessHolds(image, (long)full * sizeof(ulong));
            var checks = new ulong[full];
            image.ReadExactly(MemoryMarshal.AsBytes(checks.AsSpan()));
            _directory = new Directory(checks);
            _spilled = full;
            _count = (ulong)full * (ulong)_chunkSize;
        }
        ThrowUnlessHolds(image, (long)rest * Unsafe.SizeOf<T>());
        var tail = new T[rest];
        image.ReadExactly(MemoryMarshal.AsBytes(tail.AsSpan()));
        AppendRange(tail);
    }

    /// <summary>
    /// Reads the full chunks of the first <paramref name="count"/> items from the file again, whatever was read of them before; gives the bytes of each.
    /// Beside the writer; the count must be published.
    /// </summary>
    /// <exception cref="IOException">The file no longer holds what was written.</exception>
    public IEnumerable<int> CheckStored(ulong count)
    {
        var bytes = new byte[ChunkBytes];
        for (var (number, full) = (0, Place(count).Number); number < full; number++)
        {
            if (_directory.Chunk(number) is null)
            {
                if (!TryReadFile(bytes, (long)number * ChunkBytes) || CheckOf(bytes) != _directory.Check(number))
                {
                    throw Damaged((ulong)number * (ulong)_chunkSize);
                }
                yield return bytes.Length;
            }
        }
    }

    /// <summary>A chunk that has not been spilled; writer only.</summary>
    internal ReadOnlySpan<T> InMemory(int number) => _directory.Chunk(number);

    /// <summary>The error for an item that turned out wrong although its chunk is as it was written.</summary>
    internal IOException Damaged(ulong index) =>
        _file?.Damaged($"{_file.Path}: the block at offset {(long)Place(index).Number * ChunkBytes} is not what was written")
        ?? new IOException($"item {index} changed in memory");

    (int Number, int Offset) Place(ulong index) => (checked((int)(index / (ulong)_chunkSize)), (int)(index % (ulong)_chunkSize));

    T[] ChunkForWriting(int number)
    {
        if (number == _directory.Length)
        {
            _directory = _directory.Larger();
        }
        var chunk = _directory.Chunk(number);
        if (chunk is null)
        {
            chunk = new T[_chunkSize];
            _directory.Set(number, chunk);
        }
        return chunk;
    }

    void ReadSpilled(int number, int offset, Span<T> items)
    {
        ref var slot = ref _recent[number % _recent.Length];
        // The check tells what belongs there now, should the chunk have been dropped and filled again.
        if (Volatile.Read(ref slot) is { } known && known.Number == number && known.Check == _directory.Check(number))
        {
            known.Items.AsSpan(offset, items.Length).CopyTo(items);
            return;
        }
        var bytes = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            var whole = bytes.AsSpan(0, ChunkBytes);
            // A writer that dropped unpublished items may be filling this very chunk again: then it is back in memory, or its check changed.
            for (var attempt = 0; attempt < Attempts; attempt++)
            {
                var directory = _directory;
                var check = directory.Check(number);
                if (directory.Chunk(number) is { } chunk)
                {
                    chunk.AsSpan(offset, items.Length).CopyTo(items);
                    return;
                }
                if (TryReadFile(whole, (long)number * ChunkBytes) && CheckOf(whole) == check)
                {
                    var read = MemoryMarshal.Cast<byte, T>(whole);
                    read.Slice(offset, items.Length).CopyTo(items);
                    Volatile.Write(ref slot, new RecentChunk(number, check, read.ToArray()));
                    return;
                }
            }
            throw Damaged((ulong)number * (ulong)_chunkSize);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    // Before anything of that size is allocated.
    static void ThrowUnlessHolds(Stream image, long bytes)
    {
        if (image.Length - image.Position < bytes)
        {
            throw new MalformedException($"the image of a column has {image.Length - image.Position} bytes left, not {bytes}");
        }
    }

    bool TryReadFile(Span<byte> bytes, long offset)
    {
        while (!bytes.IsEmpty)
        {
            var read = _file!.Read(bytes, offset);
            if (read == 0)
            {
                return false;
            }
            bytes = bytes[read..];
            offset += read;
        }
        return true;
    }

    static ulong CheckOf(ReadOnlySpan<byte> chunk)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(chunk, digest);
        return MemoryMarshal.Read<ulong>(digest);
    }

    sealed record RecentChunk(int Number, ulong Check, T[] Items);

    /// <summary>Where the chunks are: in memory, or in the file with this check.</summary>
    sealed class Directory
    {
        readonly T[]?[] _chunks;
        readonly ulong[] _checks;

        internal Directory(int length)
        {
            _chunks = new T[]?[length];
            _checks = new ulong[length];
        }

        internal Directory(ulong[] checks)
            : this(checks.Length + 4) => checks.CopyTo(_checks, 0);

        internal int Length => _chunks.Length;

        internal T[]? Chunk(int number) => Volatile.Read(ref _chunks[number]);

        internal ulong Check(int number) => Volatile.Read(ref _checks[number]);

        internal ReadOnlySpan<ulong> Checks(int count) => _checks.AsSpan(0, count);

        internal void Set(int number, T[] chunk) => Volatile.Write(ref _chunks[number], chunk);

        internal void SetSpilled(int number, ulong check)
        {
            Volatile.Write(ref _checks[number], check);
            Volatile.Write(ref _chunks[number], null);
        }

        internal Directory Larger()
        {
            var larger = new Directory(2 * Length);
            _chunks.CopyTo(larger._chunks, 0);
            _checks.CopyTo(larger._checks, 0);
            return larger;
        }
    }
}
