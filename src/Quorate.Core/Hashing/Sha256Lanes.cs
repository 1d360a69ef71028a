using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Quorate.Core.Hashing;

/// <summary>
/// SHA-256 of many 65-byte messages <c>prefix ‖ 32 bytes ‖ 32 bytes</c> at once: the inner nodes of RFC 6962 trees (prefix 1), and the
/// leaves (0) and nodes (1) of the sparse map. The fastest form that the processor has is used. Thread-safe; no state.
/// </summary>
public static class Sha256Lanes
{
    static readonly bool s_vector512 = Avx512BW.IsSupported && Vector512.IsHardwareAccelerated;

    /// <summary>The fastest form on this machine. Eight lanes lose to instructions for SHA-256, and four beat one message at a time only where that is slow.</summary>
    public static Sha256LaneWidth Best { get; } =
        s_vector512 ? Sha256LaneWidth.Vector512
        : Sha256Blocks.IsSupported && Sha256Blocks.IsAccelerated ? Sha256LaneWidth.Scalar
        : Avx2.IsSupported ? Sha256LaneWidth.Vector256
        : Vector128.IsHardwareAccelerated && !ShortSha256.IsDirect ? Sha256LaneWidth.Vector128
        : Sha256LaneWidth.Scalar;

    // A pass costs the same for any number of messages: as much as this many hashed one by one (measured).
    static readonly int s_leastForPass = ShortSha256.IsDirect ? 7 : 3;

    public static bool IsSupported(Sha256LaneWidth width) =>
        width switch
        {
            Sha256LaneWidth.Vector512 => s_vector512,
            Sha256LaneWidth.Vector256 => Avx2.IsSupported,
            Sha256LaneWidth.Vector128 => Vector128.IsHardwareAccelerated,
            _ => width == Sha256LaneWidth.Scalar,
        };

    /// <summary>
    /// <c>digests[i] = SHA-256(prefix ‖ pairs[2i] ‖ pairs[2i+1])</c>. The digests may overlay the pairs when both start at the same place.
    /// </summary>
    /// <exception cref="ArgumentException">There are not exactly two inputs for each digest.</exception>
    public static void HashPairs(byte prefix, ReadOnlySpan<Sha256Digest> pairs, Span<Sha256Digest> digests) =>
        HashPairs(Best, prefix, pairs, digests);

    /// <summary>The same with a forced width.</summary>
    /// <exception cref="PlatformNotSupportedException">This machine does not have the width.</exception>
    public static void HashPairs(Sha256LaneWidth width, byte prefix, ReadOnlySpan<Sha256Digest> pairs, Span<Sha256Digest> digests)
    {
        if (pairs.Length != 2L * digests.Length)
        {
            throw new ArgumentException($"{digests.Length} digests need {2L * digests.Length} inputs, not {pairs.Length}", nameof(pairs));
        }
        if (!IsSupported(width))
        {
            throw new PlatformNotSupportedException($"this processor does not have {width}");
        }
        var done = width == Sha256LaneWidth.Scalar ? 0 : RunPasses(width, prefix, pairs, digests);
        if (Sha256Blocks.IsSupported)
        {
            // Behind what is done: digests that overlay the pairs lie before those that are still to be read.
            Sha256Blocks.Hash65(prefix, pairs[(2 * done)..], digests[done..]);
            return;
        }
        for (; done < digests.Length; done++)
        {
            digests[done] = HashPair(prefix, in pairs[2 * done], in pairs[2 * done + 1]);
        }
    }

    /// <summary>One message <c>prefix ‖ left ‖ right</c>.</summary>
    public static Sha256Digest HashPair(byte prefix, in Sha256Digest left, in Sha256Digest right)
    {
        if (Sha256Blocks.IsSupported)
        {
            ReadOnlySpan<Sha256Digest> pair = [left, right];
            Sha256Digest digest = default;
            Sha256Blocks.Hash65(prefix, pair, new Span<Sha256Digest>(ref digest));
            return digest;
        }
        Span<byte> message = stackalloc byte[1 + 2 * Sha256Digest.Size];
        message[0] = prefix;
        left.CopyTo(message[1..]);
        right.CopyTo(message[(1 + Sha256Digest.Size)..]);
        return ShortSha256.Hash(message);
    }

    /// <summary>Hashes all full groups, and a padded last one where that pays; returns how many digests are done.</summary>
    [SkipLocalsInit]
    static int RunPasses(Sha256LaneWidth width, byte prefix, ReadOnlySpan<Sha256Digest> pairs, Span<Sha256Digest> digests)
    {
        var lanes = (int)width;
        var done = 0;
        for (; digests.Length - done >= lanes; done += lanes)
        {
            Pass(width, prefix, pairs.Slice(2 * done, 2 * lanes), digests.Slice(done, lanes));
        }
        var rest = digests.Length - done;
        if (rest >= s_leastForPass)
        {
            // What the unused lanes hash does not matter, so whatever is on the stack may be there.
            Span<Sha256Digest> padded = stackalloc Sha256Digest[2 * (int)Sha256LaneWidth.Vector512];
            padded = padded[..(2 * lanes)];
            pairs.Slice(2 * done, 2 * rest).CopyTo(padded);
            Pass(width, prefix, padded, padded[..lanes]);
            padded[..rest].CopyTo(digests[done..]);
            done = digests.Length;
        }
        return done;
    }

    static void Pass(Sha256LaneWidth width, byte prefix, ReadOnlySpan<Sha256Digest> pairs, Span<Sha256Digest> digests)
    {
        var input = MemoryMarshal.AsBytes(pairs);
        var output = MemoryMarshal.AsBytes(digests);
        switch (width)
        {
            case Sha256LaneWidth.Vector512:
                Sha256Kernel<Vector512<uint>, Lanes512>.Hash65(prefix, input, output);
                break;
            case Sha256LaneWidth.Vector256:
                Sha256Kernel<Vector256<uint>, Lanes256>.Hash65(prefix, input, output);
                break;
            default:
                Sha256Kernel<Vector128<uint>, Lanes128>.Hash65(prefix, input, output);
                break;
        }
    }
}
