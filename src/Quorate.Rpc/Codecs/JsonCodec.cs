using System.Buffers;
using System.Text;
using System.Text.Json;
using Google.Protobuf;

namespace Quorate.Rpc.Codecs;

/// <summary>
/// Protobuf's JSON mapping. Unlike Connect's Go library we refuse unknown field names: nobody else speaks this API's JSON but people with
/// curl, and a misspelt optional field must not silently mean "everything". Duplicate names are refused, too.
/// </summary>
sealed class JsonCodec : MessageCodec
{
    // The deepest message is LogsResponse → Log → Meta; array and object levels count.
    const int MaxDepth = 8;

    static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    static readonly JsonParser Parser = new(JsonParser.Settings.Default.WithIgnoreUnknownFields(false).WithRecursionLimit(MaxDepth));

    // Required fields are always present (presence is checked before), so nothing depends on printing defaults.
    static readonly JsonFormatter Formatter = new(JsonFormatter.Settings.Default.WithFormatDefaultValues(false));

    public override string ContentType => "application/json";

    private protected override T Parse<T>(in ReadOnlySequence<byte> bytes, MessageParser<T> parser, MessageLimits limits)
    {
        try
        {
            CheckShape(bytes, limits.MaxElements);
            return Parser.Parse<T>(StrictUtf8.GetString(bytes));
        }
        catch (Exception e) when (e is FormatException or InvalidOperationException or OverflowException or ArgumentException)
        {
            throw new JsonException(e.Message, e);
        }
    }

    private protected override byte[] Print(IMessage message) => Encoding.UTF8.GetBytes(Formatter.Format(message));

    static void CheckShape(in ReadOnlySequence<byte> bytes, int maxElements)
    {
        var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = MaxDepth });
        var names = new Stack<HashSet<string>>();
        var elements = 0;
        while (reader.Read())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.StartObject:
                    names.Push(new HashSet<string>(StringComparer.Ordinal));
                    elements++;
                    break;
                case JsonTokenType.EndObject:
                    names.Pop();
                    break;
                case JsonTokenType.PropertyName when !names.Peek().Add(reader.GetString()!):
                    throw new JsonException($"field '{reader.GetString()}' is given twice, at offset {reader.TokenStartIndex}");
                case JsonTokenType.String or JsonTokenType.Number or JsonTokenType.True or JsonTokenType.False or JsonTokenType.Null:
                    elements++;
                    break;
            }
            // An element of binary form is an object and its handful of fields here.
            if (elements > 8L * maxElements)
            {
                throw new RpcException(RpcCode.ResourceExhausted, $"message has more than {maxElements} elements");
            }
        }
    }
}
