using Quorate.Log.Storage;

namespace Quorate.Log.Tiles;

/// <summary>
/// Signed heads in the order in which they were made, 176 bytes each: log root, tree size, map root, map-history root, map-history size (all integers
/// little-endian), signature. Ours, not C2SP's (docs/formats/tiles.md).
/// </summary>
public static class HeadRecordBundle
{
    public const int RecordSize = LogFrame.HeadSize;

    /// <summary>Writes one head.</summary>
    public static void Write(Span<byte> record, LogHead head) => LogFrame.WriteHead(record[..RecordSize], head);

    /// <summary>False unless the bundle is exactly <paramref name="count"/> records long. Signatures are the caller's business.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bundle, int count, out LogHead[] heads)
    {
        heads = [];
        if (bundle.Length != count * (long)RecordSize)
        {
            return false;
        }
        heads = new LogHead[count];
        for (var i = 0; i < count; i++)
        {
            heads[i] = LogFrame.ReadHead(bundle.Slice(i * RecordSize, RecordSize));
        }
        return true;
    }
}
