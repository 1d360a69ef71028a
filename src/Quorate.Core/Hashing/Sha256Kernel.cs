using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Quorate.Core.Hashing;

/// <summary>
/// FIPS 180-4 SHA-256 of <c>TLanes.Count</c> messages of 65 bytes side by side: lane i of every vector belongs to message i. A 65-byte
/// message is two blocks; the one-byte prefix shifts every message word by a byte.
/// </summary>
static class Sha256Kernel<TVector, TLanes>
    where TVector : unmanaged
    where TLanes : struct, ILanes<TVector>
{
    const int BlockWords = 16;
    const int StateWords = 8;
    const uint MessageBits = 65 * 8;

    /// <param name="input">64 bytes for each lane.</param>
    /// <param name="output">32 bytes for each lane; written only after all input was read.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Hash65(byte prefix, ReadOnlySpan<byte> input, Span<byte> output)
    {
        unchecked
        {
            var lanes = TLanes.Count;
            Span<TVector> words = stackalloc TVector[BlockWords];
            var transposed = MemoryMarshal.Cast<TVector, uint>(words);
            for (var lane = 0; lane < lanes; lane++)
            {
                var message = input.Slice(lane * 64, 64);
                for (var word = 0; word < BlockWords; word++)
                {
                    transposed[word * lanes + lane] = BinaryPrimitives.ReadUInt32BigEndian(message[(4 * word)..]);
                }
            }

            var last = words[BlockWords - 1];
            for (var word = BlockWords - 1; word > 0; word--)
            {
                words[word] = TLanes.ShiftInByte(words[word - 1], words[word]);
            }
            words[0] = TLanes.ShiftInByte(TLanes.Broadcast(prefix), words[0]);

            Span<TVector> state = stackalloc TVector[StateWords];
            for (var word = 0; word < StateWords; word++)
            {
                state[word] = TLanes.Broadcast(InitialState[word]);
            }
            Compress(state, words);

            // Second block: the last byte, the 0x80 terminator, zeros, and the length in bits.
            words[0] = TLanes.ShiftInByte(last, TLanes.Broadcast(0x8000_0000));
            for (var word = 1; word < BlockWords - 1; word++)
            {
                words[word] = TLanes.Broadcast(0);
            }
            words[BlockWords - 1] = TLanes.Broadcast(MessageBits);
            Compress(state, words);

            var result = MemoryMarshal.Cast<TVector, uint>(state);
            for (var lane = 0; lane < lanes; lane++)
            {
                var digest = output.Slice(lane * Sha256Digest.Size, Sha256Digest.Size);
                for (var word = 0; word < StateWords; word++)
                {
                    BinaryPrimitives.WriteUInt32BigEndian(digest[(4 * word)..], result[word * lanes + lane]);
                }
            }
        }
    }

    /// <summary>One application of the compression function; the words are overwritten by the message schedule.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Compress(Span<TVector> state, Span<TVector> words)
    {
        unchecked
        {
            // Fixed sizes: eight state vectors, sixteen words; every index below is a constant or masked with 15.
            ref var w = ref MemoryMarshal.GetReference(words[..BlockWords]);
            ref var k = ref MemoryMarshal.GetReference(RoundConstants);
            var a = state[0];
            var b = state[1];
            var c = state[2];
            var d = state[3];
            var e = state[4];
            var f = state[5];
            var g = state[6];
            var h = state[7];
            for (var round = 0; round < 64; round += 8)
            {
                ref var wr = ref Unsafe.Add(ref w, round & 15);
                ref var kr = ref Unsafe.Add(ref k, round);
                if (round >= BlockWords)
                {
                    for (var i = round; i < round + 8; i++)
                    {
                        ref var target = ref Unsafe.Add(ref w, i & 15);
                        var early = Unsafe.Add(ref w, (i + 1) & 15);
                        var late = Unsafe.Add(ref w, (i + 14) & 15);
                        var s0 = TLanes.Xor3(TLanes.RotateRight(early, 7), TLanes.RotateRight(early, 18), TLanes.ShiftRight(early, 3));
                        var s1 = TLanes.Xor3(TLanes.RotateRight(late, 17), TLanes.RotateRight(late, 19), TLanes.ShiftRight(late, 10));
                        target = TLanes.Add(TLanes.Add(target, s0), TLanes.Add(Unsafe.Add(ref w, (i + 9) & 15), s1));
                    }
                }
                h = First(e, f, g, h, kr, wr);
                d = TLanes.Add(d, h);
                h = Second(a, b, c, h);
                g = First(d, e, f, g, Unsafe.Add(ref kr, 1), Unsafe.Add(ref wr, 1));
                c = TLanes.Add(c, g);
                g = Second(h, a, b, g);
                f = First(c, d, e, f, Unsafe.Add(ref kr, 2), Unsafe.Add(ref wr, 2));
                b = TLanes.Add(b, f);
                f = Second(g, h, a, f);
                e = First(b, c, d, e, Unsafe.Add(ref kr, 3), Unsafe.Add(ref wr, 3));
                a = TLanes.Add(a, e);
                e = Second(f, g, h, e);
                d = First(a, b, c, d, Unsafe.Add(ref kr, 4), Unsafe.Add(ref wr, 4));
                h = TLanes.Add(h, d);
                d = Second(e, f, g, d);
                c = First(h, a, b, c, Unsafe.Add(ref kr, 5), Unsafe.Add(ref wr, 5));
                g = TLanes.Add(g, c);
                c = Second(d, e, f, c);
                b = First(g, h, a, b, Unsafe.Add(ref kr, 6), Unsafe.Add(ref wr, 6));
                f = TLanes.Add(f, b);
                b = Second(c, d, e, b);
                a = First(f, g, h, a, Unsafe.Add(ref kr, 7), Unsafe.Add(ref wr, 7));
                e = TLanes.Add(e, a);
                a = Second(b, c, d, a);
            }
            state[0] = TLanes.Add(state[0], a);
            state[1] = TLanes.Add(state[1], b);
            state[2] = TLanes.Add(state[2], c);
            state[3] = TLanes.Add(state[3], d);
            state[4] = TLanes.Add(state[4], e);
            state[5] = TLanes.Add(state[5], f);
            state[6] = TLanes.Add(state[6], g);
            state[7] = TLanes.Add(state[7], h);
        }
    }

    /// <summary>T1 of a round: h + Σ1(e) + Ch(e, f, g) + k + w.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static TVector First(TVector e, TVector f, TVector g, TVector h, uint k, TVector w)
    {
        var sigma = TLanes.Xor3(TLanes.RotateRight(e, 6), TLanes.RotateRight(e, 11), TLanes.RotateRight(e, 25));
        return TLanes.Add(TLanes.Add(TLanes.Add(h, TLanes.Broadcast(k)), TLanes.Add(w, TLanes.Choose(e, f, g))), sigma);
    }

    /// <summary>T1 + T2 of a round, where T2 = Σ0(a) + Maj(a, b, c).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static TVector Second(TVector a, TVector b, TVector c, TVector first)
    {
        var sigma = TLanes.Xor3(TLanes.RotateRight(a, 2), TLanes.RotateRight(a, 13), TLanes.RotateRight(a, 22));
        return TLanes.Add(TLanes.Add(first, TLanes.Majority(a, b, c)), sigma);
    }

    static ReadOnlySpan<uint> InitialState =>
        [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

    // csharpier-ignore
    static ReadOnlySpan<uint> RoundConstants =>
    [
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    ];
}
