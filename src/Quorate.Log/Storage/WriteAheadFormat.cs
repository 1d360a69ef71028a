using System.Buffers.Binary;
using System.Security.Cryptography;
using Quorate.Core;

namespace Quorate.Log.Storage;

/// <summary>
/// Bytes of the write-ahead file (docs/formats/write-ahead.md). All integers are little-endian. A check is the beginning of a SHA-256: .NET
/// has no CRC of its own, and with the processor's SHA instructions a frame of 500 entries costs less than a tenth of its fdatasync.
/// </summary>
static class WriteAheadFormat
{
    internal const uint Version = 1;
    internal const int SegmentHeaderSize = 80;
    internal const int FrameHeaderSize = 32;
    internal const int SaltSize = 16;
    internal const int MarkerSize = 64;

    /// <summary>No payload is longer; a length above it is damage, found before anything is allocated.</summary>
    internal const int MaxPayload = 256 << 20;

    internal static ReadOnlySpan<byte> SegmentMagic => "QUORWAL\n"u8;
    internal static ReadOnlySpan<byte> FrameMagic => "QFRM"u8;
    internal static ReadOnlySpan<byte> MarkerMagic => "QMRK"u8;
    internal static ReadOnlySpan<byte> CutMagic => "QCUT"u8;

    internal static void WriteSegmentHeader(Span<byte> header, in SegmentHeader value)
    {
        SegmentMagic.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(header[12..], value.Number);
        BinaryPrimitives.WriteUInt64LittleEndian(header[16..], value.FirstFrame);
        value.Log.CopyTo(header[24..]);
        value.Salt.CopyTo(header[56..]);
        Sha256Digest.HashData(header[..72]).AsSpan()[..8].CopyTo(header[72..]);
    }

    /// <summary>False when magic or check are wrong. The version is the caller's to judge.</summary>
    internal static bool TryReadSegmentHeader(ReadOnlySpan<byte> header, out SegmentHeader value, out uint version)
    {
        value = default;
        version = 0;
        if (header.Length < SegmentHeaderSize || !header.StartsWith(SegmentMagic))
        {
            return false;
        }
        version = BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
        value = new SegmentHeader(
            BinaryPrimitives.ReadUInt32LittleEndian(header[12..]),
            BinaryPrimitives.ReadUInt64LittleEndian(header[16..]),
            new Sha256Digest(header.Slice(24, Sha256Digest.Size)),
            header.Slice(56, SaltSize).ToArray()
        );
        return Sha256Digest.HashData(header[..72]).AsSpan()[..8].SequenceEqual(header.Slice(72, 8));
    }

    internal static void WriteFrameHeader(Span<byte> header, ulong number, ReadOnlySpan<byte> payload, byte[] salt)
    {
        FrameMagic.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header[4..], payload.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], number);
        Check(header[..16], payload, salt, header[16..FrameHeaderSize]);
    }

    /// <summary>The header's fields, or false when they cannot be a frame's. The payload is checked by <see cref="IsIntact"/>.</summary>
    internal static bool TryReadFrameHeader(ReadOnlySpan<byte> header, out int payloadLength, out ulong number)
    {
        payloadLength = 0;
        number = 0;
        if (header.Length < FrameHeaderSize || !header.StartsWith(FrameMagic))
        {
            return false;
        }
        payloadLength = BinaryPrimitives.ReadInt32LittleEndian(header[4..]);
        number = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        return payloadLength is >= 0 and <= MaxPayload;
    }

    internal static bool IsIntact(ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload, byte[] salt)
    {
        Span<byte> check = stackalloc byte[16];
        Check(header[..16], payload, salt, check);
        return check.SequenceEqual(header[16..FrameHeaderSize]);
    }

    // The salt keeps a value's author from embedding bytes that pass for a frame (see the search behind a bad frame).
    static void Check(ReadOnlySpan<byte> fields, ReadOnlySpan<byte> payload, byte[] salt, Span<byte> check)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(salt);
        hash.AppendData(fields);
        hash.AppendData(payload);
        Span<byte> digest = stackalloc byte[Sha256Digest.Size];
        hash.GetHashAndReset(digest);
        digest[..16].CopyTo(check);
    }

    internal static void WriteMarker(Span<byte> marker, bool isCut, uint segment, long end, ReadOnlySpan<byte> salt)
    {
        marker.Clear();
        (isCut ? CutMagic : MarkerMagic).CopyTo(marker);
        BinaryPrimitives.WriteUInt32LittleEndian(marker[4..], segment);
        BinaryPrimitives.WriteInt64LittleEndian(marker[8..], end);
        salt.CopyTo(marker[16..]);
        Sha256Digest.HashData(marker[..32]).CopyTo(marker[32..]);
    }

    internal static bool TryReadMarker(
        ReadOnlySpan<byte> marker,
        out bool isCut,
        out uint segment,
        out long end,
        out ReadOnlySpan<byte> salt
    )
    {
        isCut = marker.StartsWith(CutMagic);
        segment = 0;
        end = 0;
        salt = default;
        if (
            marker.Length != MarkerSize
            || !(isCut || marker.StartsWith(MarkerMagic))
            || !Sha256Digest.HashData(marker[..32]).AsSpan().SequenceEqual(marker[32..])
        )
        {
            return false;
        }
        segment = BinaryPrimitives.ReadUInt32LittleEndian(marker[4..]);
        end = BinaryPrimitives.ReadInt64LittleEndian(marker[8..]);
        salt = marker.Slice(16, SaltSize);
        return true;
    }
}

/// <param name="Log">SHA-256 log ID, so that a file of one log is never taken for another's.</param>
/// <param name="Salt">16 random bytes.</param>
readonly record struct SegmentHeader(uint Number, ulong FirstFrame, Sha256Digest Log, byte[] Salt);
