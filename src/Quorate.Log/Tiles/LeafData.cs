using System.Buffers;
using Quorate.Core;

namespace Quorate.Log.Tiles;

/// <summary>
/// What a leaf of our logs hashes: <c>key ‖ ":" ‖ SHA-256(value)</c>. The digest has a fixed length, so the bytes split in one way only.
/// </summary>
public static class LeafData
{
    const int TailSize = 1 + Sha256Digest.Size;

    public static int Length(int keyLength) => keyLength + TailSize;

    public static byte[] Of(ReadOnlySpan<byte> key, in Sha256Digest valueDigest) => [.. key, (byte)':', .. valueDigest.AsSpan()];

    public static void Write(IBufferWriter<byte> writer, ReadOnlySpan<byte> key, in Sha256Digest valueDigest)
    {
        writer.Write(key);
        var tail = writer.GetSpan(TailSize);
        tail[0] = (byte)':';
        valueDigest.CopyTo(tail[1..]);
        writer.Advance(TailSize);
    }

    /// <summary>False where the bytes are no such data: the log is another kind's.</summary>
    public static bool TrySplit(ReadOnlySpan<byte> data, out ReadOnlySpan<byte> key, out Sha256Digest valueDigest)
    {
        key = default;
        valueDigest = default;
        if (data.Length < TailSize || data[^TailSize] != (byte)':')
        {
            return false;
        }
        key = data[..^TailSize];
        valueDigest = new Sha256Digest(data[^Sha256Digest.Size..]);
        return true;
    }
}
