using System.Buffers.Binary;

namespace Quorate.Log.Sharing;

/// <summary>
/// Submits on their way to the sequencer (docs/formats/postgresql.md). Whoever can write the database can write these, so that they are read
/// like anything foreign: exactly what the writer makes, or nothing.
/// </summary>
public static class SubmissionFormat
{
    /// <summary>Submits in one submission.</summary>
    public const int MaxSubmits = 65_536;

    const int ItemHeader = 6;
    const int SubmitHeader = 4;

    static ReadOnlySpan<byte> Magic => "QSB1"u8;

    /// <summary>Writes submits; one without items is a flush.</summary>
    public static byte[] Write(IReadOnlyList<IReadOnlyList<SubmitItem>> submits)
    {
        long size = 8;
        foreach (var submit in submits)
        {
            size += SubmitHeader + submit.Sum(i => (long)ItemHeader + i.Key.Length + i.Value.Length);
        }
        var bytes = new byte[size];
        var rest = bytes.AsSpan();
        Magic.CopyTo(rest);
        BinaryPrimitives.WriteInt32LittleEndian(rest[4..], submits.Count);
        rest = rest[8..];
        foreach (var submit in submits)
        {
            BinaryPrimitives.WriteInt32LittleEndian(rest, submit.Count);
            rest = rest[SubmitHeader..];
            foreach (var item in submit)
            {
                BinaryPrimitives.WriteUInt16LittleEndian(rest, checked((ushort)item.Key.Length));
                BinaryPrimitives.WriteInt32LittleEndian(rest[2..], item.Value.Length);
                item.Key.Span.CopyTo(rest[ItemHeader..]);
                item.Value.Span.CopyTo(rest[(ItemHeader + item.Key.Length)..]);
                rest = rest[(ItemHeader + item.Key.Length + item.Value.Length)..];
            }
        }
        return bytes;
    }

    /// <summary>Keys and values are slices of <paramref name="bytes"/>.</summary>
    public static bool TryRead(ReadOnlyMemory<byte> bytes, out IReadOnlyList<IReadOnlyList<SubmitItem>> submits)
    {
        submits = [];
        var span = bytes.Span;
        if (span.Length < 8 || !span.StartsWith(Magic))
        {
            return false;
        }
        var count = BinaryPrimitives.ReadUInt32LittleEndian(span[4..]);
        long at = 8;
        if (count > MaxSubmits || count * (long)SubmitHeader > span.Length - at)
        {
            return false;
        }
        var read = new List<IReadOnlyList<SubmitItem>>((int)count);
        for (var i = 0; i < count; i++)
        {
            if (span.Length - at < SubmitHeader)
            {
                return false;
            }
            var items = BinaryPrimitives.ReadUInt32LittleEndian(span[(int)at..]);
            at += SubmitHeader;
            if (items * (long)ItemHeader > span.Length - at)
            {
                return false;
            }
            var submit = new SubmitItem[items];
            for (var j = 0; j < submit.Length; j++)
            {
                if (span.Length - at < ItemHeader)
                {
                    return false;
                }
                var key = BinaryPrimitives.ReadUInt16LittleEndian(span[(int)at..]);
                var value = BinaryPrimitives.ReadUInt32LittleEndian(span[((int)at + 2)..]);
                at += ItemHeader;
                if (key + (long)value > span.Length - at)
                {
                    return false;
                }
                submit[j] = new SubmitItem(bytes.Slice((int)at, key), bytes.Slice((int)at + key, (int)value));
                at += key + (long)value;
            }
            read.Add(submit);
        }
        submits = at == span.Length ? read : [];
        return at == span.Length;
    }
}
