using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Quorate.Core.Hashing;

/// <summary>
/// SHA-256 of one message. For short ones the platform's per-call set-up costs four times the hashing, so where OpenSSL's own
/// <c>SHA256_Init/Update/Final</c> are exported and agree with the platform they are called directly; otherwise, and for long messages,
/// <see cref="SHA256.HashData(ReadOnlySpan{byte}, Span{byte})"/>. Thread-safe.
/// </summary>
public static unsafe class ShortSha256
{
    // A call this short never delays a garbage collection noticeably, which is what leaving the GC transition out may do.
    const int LongestDirect = 1024;

    // SHA256_CTX is 112 bytes in every OpenSSL; the slack costs nothing.
    const int ContextSize = 256;

    static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, int> s_init;
    static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, byte*, nuint, int> s_update;
    static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, byte*, int> s_final;

    /// <summary>Whether OpenSSL is called directly.</summary>
    public static bool IsDirect { get; }

#pragma warning disable CA1810 // the three pointers and the flag belong together: all or none
    static ShortSha256()
#pragma warning restore CA1810
    {
        if (
            !OperatingSystem.IsLinux()
            || !NativeLibrary.TryLoad("libcrypto.so.3", out var library)
            || !NativeLibrary.TryGetExport(library, "SHA256_Init", out var init)
            || !NativeLibrary.TryGetExport(library, "SHA256_Update", out var update)
            || !NativeLibrary.TryGetExport(library, "SHA256_Final", out var final)
        )
        {
            return;
        }
        s_init = (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, int>)init;
        s_update = (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, byte*, nuint, int>)update;
        s_final = (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, byte*, int>)final;
        IsDirect = AgreesWithPlatform();
    }

    public static Sha256Digest Hash(ReadOnlySpan<byte> message)
    {
        Sha256Digest digest;
        if (IsDirect && message.Length <= LongestDirect && TryDirect(message, &digest))
        {
            return digest;
        }
        Span<byte> hash = stackalloc byte[Sha256Digest.Size];
        SHA256.HashData(message, hash);
        return new Sha256Digest(hash);
    }

    // Safe: the context is larger than SHA256_CTX and aligned by stackalloc; exactly message.Length bytes are read, 32 are written.
    [SkipLocalsInit]
    static bool TryDirect(ReadOnlySpan<byte> message, Sha256Digest* digest)
    {
        var context = stackalloc ulong[ContextSize / sizeof(ulong)];
        fixed (byte* data = message)
        {
            return s_init((byte*)context) == 1
                && s_update((byte*)context, data, (nuint)message.Length) == 1
                && s_final((byte*)digest, (byte*)context) == 1;
        }
    }

    static bool AgreesWithPlatform()
    {
        Span<byte> message = stackalloc byte[200];
        Span<byte> expected = stackalloc byte[Sha256Digest.Size];
        for (var i = 0; i < message.Length; i++)
        {
            message[i] = (byte)i;
        }
        foreach (var length in (ReadOnlySpan<int>)[0, 1, 55, 56, 64, 65, 128, 200])
        {
            Sha256Digest digest;
            SHA256.HashData(message[..length], expected);
            if (!TryDirect(message[..length], &digest) || !digest.AsSpan().SequenceEqual(expected))
            {
                return false;
            }
        }
        return true;
    }
}
