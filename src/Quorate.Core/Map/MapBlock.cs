using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Quorate.Core.Map;

/// <summary>
/// One branching of the map: its two sides, 88 bytes. There is one for every key but the first, because runs of one-sided nodes are folded
/// into the edge above them.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
struct MapBlock
{
    public const int Size = 2 * MapEdge.Size;

    public MapEdge Left;
    public MapEdge Right;
}

/// <summary>
/// What hangs on one side of a branching, 44 bytes:
/// <code>
///            32           4             4                          4
///   empty   zeros         0             0                          0
///   leaf    leaf hash     first 64 bits of the path (high, low)    0x80000000 | log index
///   inner   hash          block number  steps ≪ 24 | bits          largest log index below
/// </code>
/// An inner edge stands for <c>steps</c> nodes that have the empty subtree as their other child, and the branching below them. The bits, from the
/// top of 24, say which way each step goes. The hash is that of the topmost node, so a proof that passes by needs none of the others.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
struct MapEdge
{
    public const int Size = Sha256Digest.Size + 3 * sizeof(uint);

    /// <summary>Longer runs get a block with one empty side in between.</summary>
    public const int MaxSteps = 24;

    /// <summary>Log indexes end here: their top bit tells leaves from inner edges.</summary>
    public const uint MaxIndex = int.MaxValue;

    const uint LeafBit = 0x8000_0000;

    public Sha256Digest Hash;
    uint _first;
    uint _second;
    uint _third;

    public readonly bool IsLeaf => (_third & LeafBit) != 0;

    public readonly bool IsInner => _first != 0 && !IsLeaf;

    public readonly bool IsEmpty => _first == 0 && !IsLeaf;

    /// <summary>Everything but the hash is zero.</summary>
    public readonly bool IsBlank => (_first | _second | _third) == 0;

    /// <summary>The largest log index below; zero for the empty edge.</summary>
    public readonly uint Newest => _third & ~LeafBit;

    /// <summary>Of a leaf: the first 64 bits of its path.</summary>
    public readonly ulong PathWord => (ulong)_first << 32 | _second;

    /// <summary>Of an inner edge.</summary>
    public readonly uint Block => _first;

    /// <summary>Of an inner edge: one-sided nodes above its block.</summary>
    public readonly int Steps => (int)(_second >> MaxSteps);

    /// <summary>Of an inner edge: which way the steps go; the first one in the highest of 24 bits.</summary>
    public readonly uint StepBits => _second & ((1u << MaxSteps) - 1);

    public static MapEdge Leaf(ulong pathWord, uint index) =>
        new()
        {
            _first = (uint)(pathWord >> 32),
            _second = unchecked((uint)pathWord),
            _third = index | LeafBit,
        };

    /// <summary>An edge whose hash, zero, is still to be set.</summary>
    /// <param name="window">The path from the first step on; bits behind the last step do not matter.</param>
    public static MapEdge Inner(uint block, int steps, uint window, uint newest) =>
        new()
        {
            _first = block,
            _second = (uint)steps << MaxSteps | window >> (32 - MaxSteps) & StepMask(steps),
            _third = newest,
        };

    /// <summary>The same subtree without its first steps: hangs <paramref name="count"/> nodes lower. Its hash, zero, is still to be set.</summary>
    public readonly MapEdge Below(int count) => Inner(_first, Steps - count, _second << (32 - MaxSteps) << count, _third);

    public void SetBlock(uint block) => _first = block;

    public void SetNewest(uint index) => _third = index;

    /// <summary>Whether step <paramref name="number"/> goes right.</summary>
    public readonly bool StepsRight(int number) => (_second >> (MaxSteps - 1 - number) & 1) != 0;

    /// <summary>How many of the steps a path takes, from its first bit in the window on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly int StepsTaken(uint window)
    {
        var steps = Steps;
        var difference = (window >> (32 - MaxSteps) ^ _second) & StepMask(steps);
        return difference == 0 ? steps : BitOperations.LeadingZeroCount(difference) - (32 - MaxSteps);
    }

    /// <summary>False for what no map contains: the fields of an edge read from a file.</summary>
    public readonly bool IsWellFormed =>
        IsLeaf || (IsEmpty ? IsBlank && Hash == Sha256Digest.Zero : Steps <= MaxSteps && (StepBits & ~StepMask(Steps)) == 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static uint StepMask(int steps) => ((1u << MaxSteps) - 1) & ~((1u << (MaxSteps - steps)) - 1);
}
