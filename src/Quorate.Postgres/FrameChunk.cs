using System.Buffers.Binary;
using System.Security.Cryptography;
using Quorate.Core;
using Quorate.Log.Storage;

namespace Quorate.Postgres;

/// <summary>
/// One row of <c>quorate_frame</c>: a piece of a frame that is small enough for any database's rows, and carries a check of its own, so that a range of a
/// frame is read, and believed, without the rest.
/// </summary>
/// <param name="Length">Of the whole frame.</param>
readonly record struct FrameChunk(long Frame, int Number, int Length, ReadOnlyMemory<byte> Bytes)
{
    internal const int Size = 256 << 10;
    internal const int DigestSize = 16;
    internal const int MaxFrame = 256 << 20;

    // 2^28 bytes of a frame, the place behind its last byte included, leave 34 bits for its number.
    const int OffsetBits = 29;
    const long MaxNumber = long.MaxValue >> OffsetBits;

    internal static int CountOf(int length) => Math.Max(1, (length + Size - 1) / Size);

    /// <summary>How many bytes a chunk of a frame must have.</summary>
    internal static int LengthOf(int number, int length) => Math.Min(Size, length - number * Size);

    /// <summary>Frame numbers begin with 1, so that no payload lies at the position that means nowhere.</summary>
    internal static FramePosition PositionOf(long frame) =>
        frame is > 0 and <= MaxNumber ? new(frame << OffsetBits) : throw new LogStorageException($"frame number {frame} is out of range");

    internal static (long Frame, int Offset) Split(FramePosition position) =>
        (position.Value >> OffsetBits, (int)(position.Value & ((1L << OffsetBits) - 1)));

    internal static IEnumerable<FrameChunk> Cut(long frame, ReadOnlyMemory<byte> payload)
    {
        for (var i = 0; i < CountOf(payload.Length); i++)
        {
            yield return new FrameChunk(frame, i, payload.Length, payload.Slice(i * Size, LengthOf(i, payload.Length)));
        }
    }

    /// <summary>What the row's <c>digest</c> must be.</summary>
    internal byte[] Digest(ReadOnlySpan<byte> log)
    {
        Span<byte> fields = stackalloc byte[16];
        BinaryPrimitives.WriteInt64LittleEndian(fields, Frame);
        BinaryPrimitives.WriteInt32LittleEndian(fields[8..], Number);
        BinaryPrimitives.WriteInt32LittleEndian(fields[12..], Length);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(log);
        hash.AppendData(fields);
        hash.AppendData(Bytes.Span);
        Span<byte> digest = stackalloc byte[Sha256Digest.Size];
        hash.GetHashAndReset(digest);
        return digest[..DigestSize].ToArray();
    }

    internal bool IsIntact(ReadOnlySpan<byte> log, ReadOnlySpan<byte> digest) =>
        Length is >= 0 and <= MaxFrame
        && Number >= 0
        && Number < CountOf(Length)
        && Bytes.Length == LengthOf(Number, Length)
        && digest.SequenceEqual(Digest(log));
}
