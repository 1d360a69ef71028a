using System.Runtime.InteropServices;

namespace Quorate.Crypto;

/// <summary>The few libsodium calls we use (Debian's <c>libsodium23</c>; <c>crypto_sign.h</c>, <c>core.h</c>).</summary>
static unsafe partial class Sodium
{
    const string Library = "libsodium.so.23";

    static Sodium()
    {
        if (sodium_init() < 0)
        {
            throw new InvalidOperationException("libsodium could not be initialised");
        }
    }

    /// <summary>Runs the static constructor, which initialises the library once.</summary>
    public static void EnsureInitialized() => System.Runtime.CompilerServices.RuntimeHelpers.RunClassConstructor(typeof(Sodium).TypeHandle);

    [LibraryImport(Library)]
    private static partial int sodium_init();

    [LibraryImport(Library)]
    internal static partial int crypto_sign_seed_keypair(byte* publicKey, byte* secretKey, byte* seed);

    [LibraryImport(Library)]
    internal static partial int crypto_sign_detached(byte* signature, nint signatureLength, byte* message, ulong length, byte* secretKey);

    [LibraryImport(Library)]
    internal static partial int crypto_sign_verify_detached(byte* signature, byte* message, ulong length, byte* publicKey);

    [LibraryImport(Library)]
    internal static partial void sodium_memzero(void* data, nuint length);
}
