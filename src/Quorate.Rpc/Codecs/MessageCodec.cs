using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using Google.Protobuf;
using Quorate.Core;

namespace Quorate.Rpc.Codecs;

/// <summary>
/// Turns messages into bytes and back, strictly: nothing is decoded or encoded in which a proto2 <c>required</c> field is missing, and
/// limits hold before anything is allocated for the content. Stateless and thread-safe.
/// </summary>
public abstract class MessageCodec
{
    private protected MessageCodec() { }

    /// <summary><c>application/proto</c></summary>
    public static MessageCodec Proto { get; } = new ProtoCodec();

    /// <summary><c>application/json</c>: protobuf's JSON with the field names of the .proto files.</summary>
    public static MessageCodec Json { get; } = new JsonCodec();

    public abstract string ContentType { get; }

    /// <summary>Finds the codec of a <c>Content-Type</c> header. UTF-8 is the only charset.</summary>
    public static bool TryFind(string? contentType, [NotNullWhen(true)] out MessageCodec? codec)
    {
        codec = contentType switch
        {
            "application/proto" => Proto,
            "application/json" => Json,
            _ => null,
        };
        if (codec is not null || contentType is null)
        {
            return codec is not null;
        }
        var parts = contentType.Split(';', 3, StringSplitOptions.TrimEntries);
        var plain = parts.Length == 1 || (parts.Length == 2 && parts[1].Equals("charset=utf-8", StringComparison.OrdinalIgnoreCase));
        codec = parts[0].ToLowerInvariant() switch
        {
            "application/proto" when parts.Length == 1 => Proto,
            "application/json" when plain => Json,
            _ => null,
        };
        return codec is not null;
    }

    /// <exception cref="MalformedException">Not this message, or a required field is missing.</exception>
    /// <exception cref="RpcException">Over a limit (<see cref="RpcCode.ResourceExhausted"/>).</exception>
    public T Decode<T>(in ReadOnlySequence<byte> bytes, MessageParser<T> parser, MessageLimits limits)
        where T : class, IMessage<T>, new()
    {
        if (bytes.Length > limits.MaxBytes)
        {
            throw TooLarge(limits.MaxBytes);
        }
        T message;
        try
        {
            message = Parse(bytes, parser, limits);
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or InvalidJsonException or System.Text.Json.JsonException)
        {
            throw new MalformedException($"not a {new T().Descriptor.FullName}: {e.Message}", e);
        }
        return RequiredFields.FindMissing(message) is { } missing
            ? throw new MalformedException($"required field {missing} not set")
            : message;
    }

    /// <exception cref="InvalidOperationException">A required field is missing: a bug of the caller.</exception>
    public byte[] Encode(IMessage message) =>
        RequiredFields.FindMissing(message) is { } missing
            ? throw new InvalidOperationException($"required field {missing} not set")
            : Print(message);

    internal static RpcException TooLarge(int maxBytes) =>
        new(RpcCode.ResourceExhausted, $"message is larger than the limit of {maxBytes} bytes");

    private protected abstract T Parse<T>(in ReadOnlySequence<byte> bytes, MessageParser<T> parser, MessageLimits limits)
        where T : class, IMessage<T>, new();

    private protected abstract byte[] Print(IMessage message);
}
