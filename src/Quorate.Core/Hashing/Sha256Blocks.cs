using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;

namespace Quorate.Core.Hashing;

/// <summary>
/// SHA-256 of 65-byte messages, one after another, by OpenSSL's compression function <c>SHA256_Transform</c>: two blocks each, and nothing of what goes on around
/// them in a call for any message. Used where it is exported and agrees with the platform. Thread-safe.
/// </summary>
static unsafe class Sha256Blocks
{
    const int BlockSize = 64;
    const int MessageSize = 1 + 2 * Sha256Digest.Size;

    // Blocks are laid out for several messages before the first is hashed: the processor cannot load at once what was just stored piece by piece.
    const int Group = 16;

    // SHA256_CTX begins with the eight words of the state and is 112 bytes in every OpenSSL; the slack costs nothing.
    const int ContextSize = 256;
    const int StateWords = 8;

    static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<uint*, byte*, void> s_transform;

#pragma warning disable CA1810 // the pointer and the flag belong together
    static Sha256Blocks()
#pragma warning restore CA1810
    {
        if (
            !OperatingSystem.IsLinux()
            || !NativeLibrary.TryLoad("libcrypto.so.3", out var library)
            || !NativeLibrary.TryGetExport(library, "SHA256_Transform", out var transform)
        )
        {
            return;
        }
        s_transform = (delegate* unmanaged[Cdecl, SuppressGCTransition]<uint*, byte*, void>)transform;
        IsSupported = AgreesWithPlatform();
    }

    public static bool IsSupported { get; }

    /// <summary>Whether the processor has instructions for SHA-256, with which one message at a time is faster than eight side by side.</summary>
    public static bool IsAccelerated { get; } =
        X86Base.IsSupported
            ? X86Base.CpuId(0, 0).Eax >= 7 && (X86Base.CpuId(7, 0).Ebx >> 29 & 1) != 0
            : System.Runtime.Intrinsics.Arm.Sha256.IsSupported;

    /// <summary><c>digests[i] = SHA-256(prefix ‖ pairs[2i] ‖ pairs[2i+1])</c>. The digests may overlay the pairs when both start at the same place.</summary>
    /// <param name="pairs">Two for each digest: the caller's promise.</param>
    // Safe: a group of messages is read before its digests are written; the transform reads one block and changes the state, both on this stack.
    [SkipLocalsInit]
    public static void Hash65(byte prefix, ReadOnlySpan<Sha256Digest> pairs, Span<Sha256Digest> digests)
    {
        var context = stackalloc ulong[ContextSize / sizeof(ulong)];
        var blocks = stackalloc ulong[2 * Group * BlockSize / sizeof(ulong)];
        for (var i = 0; i < Math.Min(Group, digests.Length); i++)
        {
            Pad(prefix, new Span<byte>((byte*)blocks + 2 * i * BlockSize, 2 * BlockSize));
        }
        for (var start = 0; start < digests.Length; start += Group)
        {
            var count = Math.Min(Group, digests.Length - start);
            for (var i = 0; i < count; i++)
            {
                // Unaligned: the prefix comes first.
                Unsafe.CopyBlockUnaligned(
                    ref *((byte*)blocks + 2 * i * BlockSize + 1),
                    ref Unsafe.As<Sha256Digest, byte>(ref MemoryMarshal.GetReference(pairs.Slice(2 * (start + i), 2))),
                    2 * Sha256Digest.Size
                );
            }
            for (var i = 0; i < count; i++)
            {
                var state = (uint*)context;
                Begin(state);
                var block = (byte*)blocks + 2 * i * BlockSize;
                s_transform(state, block);
                s_transform(state, block + BlockSize);
                var digest = MemoryMarshal.Cast<Sha256Digest, uint>(digests.Slice(start + i, 1));
                BinaryPrimitives.ReverseEndianness(new ReadOnlySpan<uint>(state, StateWords), digest);
            }
        }
    }

    // What is the same in all messages. FIPS 180-4 §5.1.1: a one bit, zeros, the length in bits.
    static void Pad(byte prefix, Span<byte> blocks)
    {
        blocks[0] = prefix;
        blocks[MessageSize..].Clear();
        blocks[MessageSize] = 0x80;
        BinaryPrimitives.WriteUInt16BigEndian(blocks[^2..], 8 * MessageSize);
    }

    // FIPS 180-4 §5.3.3
    static void Begin(uint* state)
    {
        state[0] = 0x6a09e667;
        state[1] = 0xbb67ae85;
        state[2] = 0x3c6ef372;
        state[3] = 0xa54ff53a;
        state[4] = 0x510e527f;
        state[5] = 0x9b05688c;
        state[6] = 0x1f83d9ab;
        state[7] = 0x5be0cd19;
    }

    static bool AgreesWithPlatform()
    {
        const int Messages = Group + 3;
        var random = new byte[2 * Messages * Sha256Digest.Size];
        RandomNumberGenerator.Fill(random);
        var pairs = MemoryMarshal.Cast<byte, Sha256Digest>(random);
        var digests = new Sha256Digest[Messages];
        Hash65(1, pairs, digests);
        Span<byte> message = stackalloc byte[MessageSize];
        Span<byte> expected = stackalloc byte[Sha256Digest.Size];
        for (var i = 0; i < Messages; i++)
        {
            message[0] = 1;
            random.AsSpan(2 * i * Sha256Digest.Size, 2 * Sha256Digest.Size).CopyTo(message[1..]);
            SHA256.HashData(message, expected);
            if (!digests[i].AsSpan().SequenceEqual(expected))
            {
                return false;
            }
        }
        return true;
    }
}
