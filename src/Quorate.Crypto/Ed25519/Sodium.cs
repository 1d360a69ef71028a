using System.Runtime.InteropServices;
using Quorate.Core;

namespace Quorate.Crypto;

/// <summary>
/// The few libsodium calls we use (<c>crypto_sign.h</c>, <c>core.h</c>), which are the same in both of its current ABIs: Debian's
/// <c>libsodium23</c>, and 1.0.19 and later, which other systems have.
/// </summary>
static unsafe partial class Sodium
{
    const string Library = "libsodium";
    const string Package = "libsodium23";
    const string OldName = "libsodium.so.23";
    const string NewName = "libsodium.so.26";

    /// <summary>Room for a <c>crypto_sign_ed25519ph_state</c>, which is a SHA-512 state of 208 bytes, aligned to 8.</summary>
    internal const int PrehashStateSize = 256;

    static readonly Lock s_lock = new();
    static volatile bool s_ready;
    static nint s_library;

    /// <summary>Loads and initialises the library and checks it once; every caller of the functions below comes through here first.</summary>
    /// <exception cref="NativeLibraryException">The library is missing or does not work. Thrown again at every use.</exception>
    public static void EnsureInitialized()
    {
        if (!s_ready)
        {
            Initialize();
        }
    }

    static void Initialize()
    {
        lock (s_lock)
        {
            if (s_ready)
            {
                return;
            }
            if (s_library == 0)
            {
                s_library = Load([OldName, NewName]);
                NativeLibrary.SetDllImportResolver(typeof(Sodium).Assembly, static (name, _, _) => name == Library ? s_library : 0);
            }
            if (sodium_init() < 0)
            {
                throw new NativeLibraryException(OldName, Package, "could not be initialised");
            }
            if (!PassesSelfCheck())
            {
                throw new NativeLibraryException(OldName, Package, "fails the check of RFC 8032's first test vector");
            }
            if (crypto_sign_ed25519ph_statebytes() > PrehashStateSize)
            {
                throw new NativeLibraryException(OldName, Package, "has a larger state of Ed25519ph than every known version");
            }
            s_ready = true;
        }
    }

    /// <summary>Hashes the two parts of a message into a state of <see cref="PrehashStateSize"/> bytes.</summary>
    internal static void Prehash(ulong* state, ReadOnlySpan<byte> head, ReadOnlySpan<byte> rest)
    {
        if (!PrehashByOpenSsl.IsSupported || !PrehashByOpenSsl.TryHash(state, head, rest))
        {
            PrehashBySodium(state, head, rest);
        }
    }

    internal static void PrehashBySodium(ulong* state, ReadOnlySpan<byte> head, ReadOnlySpan<byte> rest)
    {
        _ = crypto_sign_ed25519ph_init(state);
        // Safe: libsodium reads exactly the given lengths. An empty span has no address, so it points somewhere else.
        fixed (
            byte* h = head.IsEmpty ? "\0"u8 : head,
                r = rest.IsEmpty ? "\0"u8 : rest
        )
        {
            _ = crypto_sign_ed25519ph_update(state, h, (ulong)head.Length);
            _ = crypto_sign_ed25519ph_update(state, r, (ulong)rest.Length);
        }
    }

    /// <summary>Loads the first of some libraries that is there.</summary>
    /// <exception cref="NativeLibraryException">None is.</exception>
    internal static nint Load(IReadOnlyList<string> names)
    {
        foreach (var name in names)
        {
            if (NativeLibrary.TryLoad(name, typeof(Sodium).Assembly, null, out var library))
            {
                return library;
            }
        }
        throw new NativeLibraryException(names[0], Package, "cannot be loaded");
    }

    /// <summary>
    /// RFC 8032 §7.1 test 1 is made and verified, a changed signature and a key of small order are refused: a library built without the
    /// strict checks would let anyone forge under such a key.
    /// </summary>
    static bool PassesSelfCheck()
    {
        ReadOnlySpan<byte> seed = Convert.FromHexString("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        ReadOnlySpan<byte> expectedKey = Convert.FromHexString("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        ReadOnlySpan<byte> expectedSignature = Convert.FromHexString(
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        );
        var publicKey = stackalloc byte[32];
        var secretKey = stackalloc byte[64];
        var signature = stackalloc byte[64];
        // The neutral element as A and R, and S = 0: valid for every message by the bare equation.
        var neutralKey = stackalloc byte[32];
        var neutralSignature = stackalloc byte[64];
        neutralKey[0] = 1;
        neutralSignature[0] = 1;
        // Safe: all buffers have the sizes that libsodium's headers state; no message is read because its length is zero.
        fixed (byte* s = seed)
        {
            _ = crypto_sign_seed_keypair(publicKey, secretKey, s);
        }
        _ = crypto_sign_detached(signature, 0, signature, 0, secretKey);
        var made = expectedKey.SequenceEqual(new ReadOnlySpan<byte>(publicKey, 32));
        var signed = expectedSignature.SequenceEqual(new ReadOnlySpan<byte>(signature, 64));
        var accepted = crypto_sign_verify_detached(signature, signature, 0, publicKey) == 0;
        signature[0] ^= 1;
        var refused = crypto_sign_verify_detached(signature, signature, 0, publicKey) != 0;
        var strict = crypto_sign_verify_detached(neutralSignature, signature, 0, neutralKey) != 0;
        return made && signed && accepted && refused && strict;
    }

    [LibraryImport(Library)]
    private static partial int sodium_init();

    [LibraryImport(Library)]
    internal static partial int crypto_sign_seed_keypair(byte* publicKey, byte* secretKey, byte* seed);

    [LibraryImport(Library)]
    internal static partial int crypto_sign_detached(byte* signature, nint signatureLength, byte* message, ulong length, byte* secretKey);

    [LibraryImport(Library)]
    internal static partial int crypto_sign_verify_detached(byte* signature, byte* message, ulong length, byte* publicKey);

    [LibraryImport(Library)]
    internal static partial nuint crypto_sign_ed25519ph_statebytes();

    [LibraryImport(Library)]
    internal static partial int crypto_sign_ed25519ph_init(ulong* state);

    [LibraryImport(Library)]
    internal static partial int crypto_sign_ed25519ph_update(ulong* state, byte* message, ulong length);

    [LibraryImport(Library)]
    internal static partial int crypto_sign_ed25519ph_final_create(ulong* state, byte* signature, nint signatureLength, byte* secretKey);

    [LibraryImport(Library)]
    internal static partial int crypto_sign_ed25519ph_final_verify(ulong* state, byte* signature, byte* publicKey);
}
