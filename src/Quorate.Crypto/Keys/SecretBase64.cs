using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;

namespace Quorate.Crypto.Keys;

/// <summary>Canonical base64 of secrets: like <see cref="Core.Encodings.StrictBase64"/>, but no copy outlives the call.</summary>
static class SecretBase64
{
    const int MaxBytes = 64;
    const int MaxText = (MaxBytes + 2) / 3 * 4;

    /// <summary>False unless the text is the canonical base64 of exactly the destination's length (at most 64 bytes).</summary>
    public static bool TryDecode(ReadOnlySpan<byte> text, Span<byte> destination)
    {
        Span<byte> decoded = stackalloc byte[MaxText / 4 * 3];
        Span<byte> canonical = stackalloc byte[MaxText];
        try
        {
            if (
                destination.Length > MaxBytes
                || text.Length > MaxText
                || Base64.DecodeFromUtf8(text, decoded, out var consumed, out var written) != OperationStatus.Done
                || consumed != text.Length
                || written != destination.Length
                || Base64.EncodeToUtf8(decoded[..written], canonical, out _, out var length) != OperationStatus.Done
                || !CryptographicOperations.FixedTimeEquals(text, canonical[..length])
            )
            {
                return false;
            }
            decoded[..written].CopyTo(destination);
            return true;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(decoded);
            CryptographicOperations.ZeroMemory(canonical);
        }
    }

    /// <summary>Appends the text of at most 64 bytes.</summary>
    public static void Encode(ReadOnlySpan<byte> secret, ArrayBufferWriter<byte> writer)
    {
        var span = writer.GetSpan(MaxText);
        Base64.EncodeToUtf8(secret, span, out _, out var written);
        writer.Advance(written);
    }
}
