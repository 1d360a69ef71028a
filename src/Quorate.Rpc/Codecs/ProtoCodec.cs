using System.Buffers;
using Google.Protobuf;
using Quorate.Core;

namespace Quorate.Rpc.Codecs;

/// <summary>Binary protobuf. Unknown fields are skipped, as protobuf readers do (the method table's parsers do not keep them); groups are refused (no message has any).</summary>
sealed class ProtoCodec : MessageCodec
{
    public override string ContentType => "application/proto";

    private protected override T Parse<T>(in ReadOnlySequence<byte> bytes, MessageParser<T> parser, MessageLimits limits)
    {
        CountFields(bytes, limits.MaxElements);
        return parser.ParseFrom(bytes);
    }

    private protected override byte[] Print(IMessage message) => message.ToByteArray();

    /// <summary>
    /// Two bytes on the wire can become an object of fifty, so the number of top-level fields is bounded before the parser sees them. One
    /// level is enough: below it no message of ours repeats anything without bound.
    /// </summary>
    static void CountFields(in ReadOnlySequence<byte> bytes, int maxElements)
    {
        var reader = new SequenceReader<byte>(bytes);
        for (var count = 0; !reader.End; count++)
        {
            if (count == maxElements)
            {
                throw new RpcException(RpcCode.ResourceExhausted, $"message has more than {maxElements} elements");
            }
            var tag = ReadVarint(ref reader);
            var skip = (tag & 7) switch
            {
                0 => SkipVarint(ref reader),
                1 => 8UL,
                2 => ReadVarint(ref reader),
                5 => 4UL,
                _ => throw Truncated(reader.Consumed, "has a wire type that no message uses"),
            };
            if (skip > (ulong)reader.Remaining)
            {
                throw Truncated(reader.Consumed, "ends in the middle of a field");
            }
            reader.Advance((long)skip);
        }
    }

    static ulong SkipVarint(ref SequenceReader<byte> reader)
    {
        ReadVarint(ref reader);
        return 0;
    }

    static ulong ReadVarint(ref SequenceReader<byte> reader)
    {
        var value = 0UL;
        for (var shift = 0; shift < 64; shift += 7)
        {
            if (!reader.TryRead(out var b))
            {
                throw Truncated(reader.Consumed, "ends in the middle of a number");
            }
            value |= (ulong)(b & 0x7f) << shift;
            if (b < 0x80)
            {
                return value;
            }
        }
        throw Truncated(reader.Consumed, "has a number of more than ten bytes");
    }

    static MalformedException Truncated(long offset, string what) => new($"protobuf message {what} at offset {offset}");
}
