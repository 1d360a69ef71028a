using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Quorate.Core.Map;

/// <summary>
/// A version of the map as bytes, little-endian (docs/formats/map.md):
/// <code>
///    0  8   "QMAPIMG1"
///    8  8   tree size
///   16  8   keys
///   24  8   blocks
///   32  44  the edge to the root
///   76  4   zeros
///   80  88n blocks, each before those below it, left before right; an inner edge has 1 in place of its block's number
///       32  SHA-256 of all bytes before
/// </code>
/// </summary>
static unsafe class MapImage
{
    const int HeaderSize = 80;
    const int BufferBlocks = 1024;
    const uint Follows = 1;

    static ReadOnlySpan<byte> Magic => "QMAPIMG1"u8;

    /// <param name="version">Entered by the caller.</param>
    public static void Write(MapVersion version, Stream stream, CancellationToken cancellationToken)
    {
        using var hash = Start();
        // Safe: a version's blocks stay as they are while the caller is inside; the buffer's span is used before the next one is taken.
        var buffer = new MapBlock[BufferBlocks];
        var count = 0;
        Put(stream, hash, Header(version, version.BlockCount ?? CountBlocks(version)));
        var below = new Stack<uint>();
        var root = version.RootEdge;
        PushBlock(root, below);
        while (below.TryPop(out var number))
        {
            var block = *version.Blocks.At(number);
            PushBlock(block.Right, below);
            PushBlock(block.Left, below);
            Unlink(ref block.Left);
            Unlink(ref block.Right);
            buffer[count++] = block;
            if (count == BufferBlocks)
            {
                cancellationToken.ThrowIfCancellationRequested();
                Put(stream, hash, MemoryMarshal.AsBytes(buffer.AsSpan()));
                count = 0;
            }
        }
        Put(stream, hash, MemoryMarshal.AsBytes(buffer.AsSpan(0, count)));
        stream.Write(hash.GetHashAndReset());
    }

    /// <summary>Fills an empty arena.</summary>
    /// <exception cref="MalformedException">The bytes are not an image.</exception>
    public static (MapEdge Root, uint Blocks, int Count, ulong TreeSize) Read(Stream stream, MapArena arena)
    {
        using var hash = Start();
        Span<byte> header = stackalloc byte[HeaderSize];
        Take(stream, hash, header);
        var treeSize = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        var keys = BinaryPrimitives.ReadUInt64LittleEndian(header[16..]);
        var blocks = BinaryPrimitives.ReadUInt64LittleEndian(header[24..]);
        if (
            !header.StartsWith(Magic)
            || header[76..].ContainsAnyExcept((byte)0)
            || treeSize > SparseMap.MaxTreeSize
            || keys > treeSize
            || blocks >= MapBlocks.InOverlay / 2
        )
        {
            throw new MalformedException("not the image of a map");
        }
        // Memory is taken as the bytes come in: a wrong count takes no more than there are.
        var first = arena.NextNew;
        for (var left = (long)blocks; left > 0; )
        {
            var run = arena.AllocateRun((int)Math.Min(left, int.MaxValue));
            Take(stream, hash, MemoryMarshal.AsBytes(run));
            left -= run.Length;
        }
        Span<byte> stated = stackalloc byte[Sha256Digest.Size];
        Fill(stream, stated);
        if (!stated.SequenceEqual(hash.GetHashAndReset()))
        {
            throw new MalformedException("the image of a map does not have its checksum");
        }
        var root = MemoryMarshal.Read<MapEdge>(header.Slice(32, MapEdge.Size));
        var linker = new Linker(arena, first, first + (uint)blocks, treeSize);
        linker.Link(&root, 0, 0);
        linker.CheckAllTaken(keys);
        return (root, (uint)blocks, (int)keys, treeSize);
    }

    static IncrementalHash Start() =>
        BitConverter.IsLittleEndian
            ? IncrementalHash.CreateHash(HashAlgorithmName.SHA256)
            : throw new PlatformNotSupportedException("images of maps are little-endian");

    static byte[] Header(MapVersion version, uint blocks)
    {
        var header = new byte[HeaderSize];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(8), version.TreeSize);
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(16), (ulong)version.Count);
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(24), blocks);
        var root = version.RootEdge;
        Unlink(ref root);
        MemoryMarshal.Write(header.AsSpan(32), in root);
        return header;
    }

    // Only a map of an earlier size does not know it.
    static uint CountBlocks(MapVersion version)
    {
        var below = new Stack<uint>();
        PushBlock(version.RootEdge, below);
        var count = 0u;
        for (; below.TryPop(out var number); count++)
        {
            var block = version.Blocks.At(number);
            PushBlock(block->Right, below);
            PushBlock(block->Left, below);
        }
        return count;
    }

    static void PushBlock(in MapEdge edge, Stack<uint> below)
    {
        if (edge.IsInner)
        {
            below.Push(edge.Block);
        }
    }

    static void Unlink(ref MapEdge edge)
    {
        if (edge.IsInner)
        {
            edge.SetBlock(Follows);
        }
    }

    static void Put(Stream stream, IncrementalHash hash, ReadOnlySpan<byte> bytes)
    {
        hash.AppendData(bytes);
        stream.Write(bytes);
    }

    static void Take(Stream stream, IncrementalHash hash, Span<byte> bytes)
    {
        Fill(stream, bytes);
        hash.AppendData(bytes);
    }

    static void Fill(Stream stream, Span<byte> bytes)
    {
        if (stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length)
        {
            throw new MalformedException("the image of a map is cut");
        }
    }

    /// <summary>
    /// Gives inner edges their blocks' numbers, in the order of writing. The checksum speaks against accidents only: whatever passes here is a trie with every
    /// block in one place.
    /// </summary>
    struct Linker(MapArena arena, uint next, uint end, ulong treeSize)
    {
        uint _next = next;
        ulong _leaves;

        /// <param name="way">The bits that lead to the edge, of the first 64.</param>
        // Recurses at most MaxDepth deep. Safe: the edge is the caller's, or in a block that was read.
        public void Link(MapEdge* edge, int depth, ulong way)
        {
            if (!edge->IsWellFormed)
            {
                throw Wrong();
            }
            if (edge->IsLeaf)
            {
                _leaves++;
                if (edge->Newest >= treeSize || ((edge->PathWord ^ way) & MapPath.WordMask(depth)) != 0)
                {
                    throw Wrong();
                }
            }
            if (!edge->IsInner)
            {
                return;
            }
            var below = depth + edge->Steps + 1;
            if (edge->Block != Follows || _next == end || below > SparseMap.MaxDepth)
            {
                throw Wrong();
            }
            edge->SetBlock(_next);
            var block = arena.At(_next++);
            var steps = MapPath.BitsAt((ulong)edge->StepBits << (64 - MapEdge.MaxSteps), depth);
            Link(&block->Left, below, way | steps);
            Link(&block->Right, below, way | steps | MapPath.BitsAt(1UL << 63, below - 1));
            if (edge->Newest != Math.Max(block->Left.Newest, block->Right.Newest))
            {
                throw Wrong();
            }
        }

        public readonly void CheckAllTaken(ulong keys)
        {
            if (_next != end || _leaves != keys)
            {
                throw Wrong();
            }
        }

        static MalformedException Wrong() => new("the image of a map has blocks that make no map");
    }
}
