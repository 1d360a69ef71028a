using System.Buffers.Binary;
using System.Text;
using Quorate.Core.Encodings;

namespace Quorate.Crypto.Notes;

/// <summary>What a <c>cosignature/v1</c> covers, and how its bytes are laid out (C2SP tlog-cosignature): 8 bytes of time, 64 of signature.</summary>
static class CosignatureMessage
{
    const int TimeSize = 8;

    /// <summary><c>cosignature/v1 LF time N LF</c> and the note's text.</summary>
    internal static byte[] Of(ulong time, ReadOnlySpan<byte> text) =>
        [.. "cosignature/v1\ntime "u8, .. Encoding.ASCII.GetBytes(time.ToString()), (byte)'\n', .. text];

    internal static byte[] Write(ulong time, ReadOnlySpan<byte> signature)
    {
        var bytes = new byte[TimeSize + signature.Length];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, time);
        signature.CopyTo(bytes.AsSpan(TimeSize));
        return bytes;
    }

    /// <summary>False unless there are 72 bytes and the time is below 2^63.</summary>
    internal static bool TryRead(ReadOnlySpan<byte> bytes, out ulong time, out ReadOnlySpan<byte> signature)
    {
        time = 0;
        signature = default;
        if (bytes.Length != TimeSize + Ed25519PublicKey.SignatureSize)
        {
            return false;
        }
        time = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        signature = bytes[TimeSize..];
        return time <= StrictDecimal.Max;
    }
}
