using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Microsoft.Win32.SafeHandles;
using Quorate.Core.Files;

namespace Quorate.Core.Map;

/// <summary>
/// Native memory for the blocks of maps: chunks that never move, so that a block's address holds until the arena is given back. One writer allocates and
/// frees; readers follow the numbers of blocks that were published to them.
/// </summary>
/// <remarks>
/// Safety of the pointers that this class gives out: every user keeps the arena alive by a hold (<see cref="Hold"/>), and the memory goes only
/// with the last one. A block is freed only when no version that a reader may be in contains it (<see cref="MapVersions"/>).
/// </remarks>
sealed unsafe class MapArena
{
    const int ChunkBits = 15;
    const int ChunkBlocks = 1 << ChunkBits;
    const int ChunksAtOnce = 8;

    // Number 0 stands for "no block".
    uint _end = 1;
    uint[] _free = [];
    int _freeCount;
    int _holds = 1;
    volatile bool _isClosed;

    // Replaced by a larger copy when full; readers see the old or the new one, and both hold every published chunk.
    nint[] _chunks = [];

    // Own the memory, also when the arena is forgotten instead of released.
    readonly List<Piece> _owned = [];

    /// <summary>Bytes of native memory that were ever written to.</summary>
    public long AllocatedBytes => Volatile.Read(ref _chunks).Length == 0 ? 0 : _end * (long)MapBlock.Size;

    /// <summary>Blocks in use.</summary>
    public long UsedBlocks => _end - 1 - _freeCount;

    /// <summary>The owner is done with it; readers may still be inside.</summary>
    public bool IsClosed => _isClosed;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MapBlock* At(uint number)
    {
        unchecked
        {
            // The chunk's index is checked by the array; the block's is masked.
            return (MapBlock*)Volatile.Read(ref _chunks)[number >> ChunkBits] + (number & (ChunkBlocks - 1));
        }
    }

    /// <summary>A block with undefined content. Writer only.</summary>
    /// <exception cref="OutOfMemoryException">There is no memory; nothing has changed.</exception>
    public uint Allocate()
    {
        if (_freeCount > 0)
        {
            var number = _free[--_freeCount];
            if (_freeCount > 0 && Sse.IsSupported)
            {
                // The next one is asked for soon, and nobody has looked at it for long.
                var next = (byte*)At(_free[_freeCount - 1]);
                Sse.Prefetch0(next);
                Sse.Prefetch0(next + MapBlock.Size - 1);
            }
            return number;
        }
        if (_end >> ChunkBits == _chunks.Length)
        {
            AddChunk();
        }
        return _end++;
    }

    /// <summary>The number of the next block that was never in use.</summary>
    public uint NextNew => _end;

    /// <summary>Up to that many blocks that were never in use, one behind the other, with undefined content. Writer only.</summary>
    public Span<MapBlock> AllocateRun(int count)
    {
        if (_end >> ChunkBits == _chunks.Length)
        {
            AddChunk();
        }
        var run = new Span<MapBlock>(At(_end), Math.Min(count, ChunkBlocks - (int)(_end % ChunkBlocks)));
        _end += (uint)run.Length;
        return run;
    }

    /// <summary>Gives a block back for the next <see cref="Allocate"/>. Writer only.</summary>
    public void Free(uint number)
    {
        if (_freeCount == _free.Length)
        {
            Array.Resize(ref _free, Math.Max(256, 2 * _free.Length));
        }
        _free[_freeCount++] = number;
    }

    public void Close() => _isClosed = true;

    public void Hold() => Interlocked.Increment(ref _holds);

    /// <summary>The memory goes with the last hold.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _holds) == 0)
        {
            FreeChunks();
        }
    }

    /// <summary>One chunk at first; many logs are small. Then several in one piece, for which the system may use large pages: every step down a large map goes
    /// to another place, and small pages cost a look-up each.</summary>
    void AddChunk()
    {
        var chunks = _chunks.Length == 0 ? 1 : ChunksAtOnce;
        var piece = new Piece((nuint)chunks * ChunkBlocks * MapBlock.Size, hugePages: chunks > 1);
        _owned.Add(piece);
        var larger = new nint[_chunks.Length + chunks];
        _chunks.CopyTo(larger, 0);
        for (var i = 0; i < chunks; i++)
        {
            larger[_chunks.Length + i] = piece.DangerousGetHandle() + i * ChunkBlocks * MapBlock.Size;
        }
        Volatile.Write(ref _chunks, larger);
    }

    void FreeChunks()
    {
        _chunks = [];
        foreach (var piece in _owned)
        {
            piece.Dispose();
        }
        _owned.Clear();
    }

    sealed class Piece : SafeHandleZeroOrMinusOneIsInvalid
    {
        const nuint HugePage = 2 << 20;

        public Piece(nuint size, bool hugePages)
            : base(ownsHandle: true)
        {
            var start = NativeMemory.AlignedAlloc(size, HugePage);
            SetHandle((nint)start);
            if (hugePages)
            {
                Posix.AdviseHugePages(start, size);
            }
        }

        protected override bool ReleaseHandle()
        {
            NativeMemory.AlignedFree((void*)handle);
            return true;
        }
    }
}
