using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Quorate.Crypto;

/// <summary>
/// Hashes a message for Ed25519ph with OpenSSL's SHA-512, several times as fast as libsodium's, and leaves the state where libsodium goes on from
/// (docs/adr/prehash-by-openssl.md). Both keep it as their headers publish it; where they do not agree, this is not used.
/// </summary>
static unsafe class PrehashByOpenSsl
{
    // SHA512_CTX: eight words of state, the length in bits (low word first), the unfinished block, two numbers: 216 bytes, and slack.
    const int ContextSize = 512;
    const int StateWords = 8;
    const int BlockWords = 16;

    /// <summary>Of a <c>crypto_hash_sha512_state</c>: the same, but the high word of the length comes first, and nothing after the block.</summary>
    const int StateSize = (StateWords + 2 + BlockWords) * sizeof(ulong);

    static readonly delegate* unmanaged[Cdecl]<void*, int> s_init;
    static readonly delegate* unmanaged[Cdecl]<void*, byte*, nuint, int> s_update;

#pragma warning disable CA1810 // the pointers are found together or not at all
    static PrehashByOpenSsl()
#pragma warning restore CA1810
    {
        if (
            OperatingSystem.IsLinux()
            && NativeLibrary.TryLoad("libcrypto.so.3", out var library)
            && NativeLibrary.TryGetExport(library, "SHA512_Init", out var init)
            && NativeLibrary.TryGetExport(library, "SHA512_Update", out var update)
        )
        {
            s_init = (delegate* unmanaged[Cdecl]<void*, int>)init;
            s_update = (delegate* unmanaged[Cdecl]<void*, byte*, nuint, int>)update;
            IsSupported = AgreesWithSodium();
        }
    }

    /// <summary>Whether OpenSSL is there and keeps its state as libsodium does. First asked for when libsodium is ready.</summary>
    public static bool IsSupported { get; }

    /// <summary>False, and nothing is written, where OpenSSL refuses.</summary>
    /// <param name="state">Room for <see cref="StateSize"/> bytes.</param>
    public static bool TryHash(ulong* state, ReadOnlySpan<byte> head, ReadOnlySpan<byte> rest)
    {
        var context = stackalloc ulong[ContextSize / sizeof(ulong)];
        // Safe: OpenSSL reads exactly the given lengths and writes its context, which is smaller than this one. An empty span has no address, so it
        // points somewhere else.
        fixed (
            byte* h = head.IsEmpty ? "\0"u8 : head,
                r = rest.IsEmpty ? "\0"u8 : rest
        )
        {
            if (s_init(context) != 1 || s_update(context, h, (nuint)head.Length) != 1 || s_update(context, r, (nuint)rest.Length) != 1)
            {
                return false;
            }
        }
        new ReadOnlySpan<ulong>(context, StateWords).CopyTo(new Span<ulong>(state, StateWords));
        state[StateWords] = context[StateWords + 1];
        state[StateWords + 1] = context[StateWords];
        new ReadOnlySpan<ulong>(context + StateWords + 2, BlockWords).CopyTo(new Span<ulong>(state + StateWords + 2, BlockWords));
        return true;
    }

    /// <summary>Whether libsodium keeps the same, for messages that end everywhere in a block. What an unfinished block held before is nobody's business.</summary>
    static bool AgreesWithSodium()
    {
        if (Sodium.crypto_sign_ed25519ph_statebytes() != StateSize)
        {
            return false;
        }
        const int Used = (StateWords + 2) * sizeof(ulong);
        const int BlockSize = BlockWords * sizeof(ulong);
        var message = RandomNumberGenerator.GetBytes(3 * BlockSize);
        var own = stackalloc ulong[StateSize / sizeof(ulong)];
        var sodium = stackalloc ulong[Sodium.PrehashStateSize / sizeof(ulong)];
        for (var length = 0; length <= message.Length; length += 7)
        {
            ReadOnlySpan<byte> head = message.AsSpan(0, length / 3);
            ReadOnlySpan<byte> rest = message.AsSpan(length / 3, length - length / 3);
            Sodium.PrehashBySodium(sodium, head, rest);
            var compared = Used + length % BlockSize;
            if (!TryHash(own, head, rest) || !new ReadOnlySpan<byte>(own, compared).SequenceEqual(new ReadOnlySpan<byte>(sodium, compared)))
            {
                return false;
            }
        }
        return true;
    }
}
