using System.Buffers;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Google.Protobuf;
using Quorate.Core;
using Quorate.Rpc;
using Quorate.Rpc.Codecs;
using Quorate.Rpc.Messages;
using Xunit;
using KeyValuePair = Quorate.Rpc.Messages.KeyValuePair;

namespace Quorate.Tests.Rpc;

public sealed class MessageCodecTests
{
    static readonly MessageLimits Limits = new(1 << 20, 1000);

    static LogHead Head =>
        new()
        {
            LogRoot = ByteString.CopyFrom(1, 2),
            TreeSize = ulong.MaxValue,
            MapRoot = ByteString.Empty,
            MHRoot = ByteString.Empty,
            MHTreeSize = 0,
            Signature = ByteString.CopyFrom(255),
        };

    [Fact]
    public void Json_uses_the_names_of_the_proto_files_and_prints_zero_and_empty() =>
        Assert.Equal(
            """{ "LogRoot": "AQI=", "TreeSize": "18446744073709551615", "MapRoot": "", "MHRoot": "", "MHTreeSize": "0", "Signature": "/w==" }""",
            Encoding.UTF8.GetString(MessageCodec.Json.Encode(Head))
        );

    [Fact]
    public void Json_prints_enums_by_name() =>
        Assert.Equal(
            """{ "status": "OK" }""",
            Encoding.UTF8.GetString(MessageCodec.Json.Encode(new SubmitResponse { Status = SubmitResponse.Types.Status.Ok }))
        );

    [Fact]
    public void Proto_sends_required_zero_and_empty() =>
        Assert.Equal(
            "0a0201021" + "0ffffffffffffffffff01" + "1a00" + "2200" + "2800" + "3201ff",
            Convert.ToHexStringLower(MessageCodec.Proto.Encode(Head))
        );

    [Fact]
    public void Proto_sends_an_empty_bit_mask() =>
        Assert.Equal(
            "0a00" + "12041a002000",
            Convert.ToHexStringLower(
                MessageCodec.Proto.Encode(
                    new MapValueResponse
                    {
                        Value = ByteString.Empty,
                        Proof = new SparseCompactMerkleProof { BitMask = ByteString.Empty, NumSideNodes = 0 },
                    }
                )
            )
        );

    [Theory]
    [MemberData(nameof(Codecs))]
    public void Encode_without_a_required_field_is_refused(string codec) =>
        Assert.Contains(
            "trustix_schema.v1.LogHead.TreeSize",
            Assert.Throws<InvalidOperationException>(() => Codec(codec).Encode(new LogHead { LogRoot = ByteString.Empty })).Message,
            StringComparison.Ordinal
        );

    [Theory]
    [InlineData("application/proto", "")]
    [InlineData("application/json", "{}")]
    [InlineData("application/json", """{"LogID":null}""")]
    public void Decode_without_a_required_field_names_it(string codec, string text) =>
        Assert.Contains("trustix_api.v1.LogHeadRequest.LogID", Refusal<LogHeadRequest>(codec, text), StringComparison.Ordinal);

    [Fact]
    public void Decode_without_a_required_field_in_a_repeated_message_names_it() =>
        Assert.Contains(
            "trustix_api.v1.KeyValuePair.Value",
            Refusal<SubmitRequest>("application/json", """{"LogID":"x","Items":[{"Key":"AA==","Value":""},{"Key":"AA=="}]}"""),
            StringComparison.Ordinal
        );

    [Theory]
    [InlineData("""{"LogID":"x","Extra":1}""")]
    [InlineData("""{"logID":"x"}""")]
    [InlineData("""{"LogID":"x","LogID":"y"}""")]
    [InlineData("""{"LogID":"x"}{"LogID":"x"}""")]
    [InlineData("""{"LogID":"x",}""")]
    [InlineData("""["x"]""")]
    [InlineData("""{"LogID":7}""")]
    [InlineData("null")]
    [InlineData("")]
    [InlineData("{\"LogID\":\"\\ud800\"}")]
    public void Json_that_is_not_exactly_the_message_is_refused(string text) => Refusal<LogHeadRequest>("application/json", text);

    [Theory]
    [InlineData("-1")]
    [InlineData("\"18446744073709551616\"")]
    [InlineData("1.5")]
    [InlineData("\"x\"")]
    public void Json_number_that_is_no_uint64_is_refused(string number) =>
        Refusal<GetLogEntriesRequest>("application/json", $$"""{"LogID":"x","Start":{{number}},"Finish":0}""");

    [Theory]
    [InlineData("7b224c6ff6444944223a2278227d")]
    [InlineData("7b224c6f674944223a22ff227d")]
    public void Json_that_is_not_utf8_is_refused(string hex) =>
        Assert.Throws<MalformedException>(() => Decode<LogHeadRequest>("application/json", Convert.FromHexString(hex)));

    [Fact]
    public void Json_deeper_than_any_message_is_refused() =>
        Refusal<LogsRequest>("application/json", new string('[', 100_000) + new string(']', 100_000));

    [Theory]
    [InlineData("0a")]
    [InlineData("0a05ff")]
    [InlineData("ffffffffffffffffffffff")]
    [InlineData("0b0c")]
    [InlineData("0aff")]
    [InlineData("00")]
    [InlineData("0affffffffffffffffff01")]
    public void Proto_that_is_not_a_message_is_refused(string hex) =>
        Assert.Throws<MalformedException>(() => Decode<LogHeadRequest>("application/proto", Convert.FromHexString(hex)));

    [Fact]
    public void Unknown_proto_fields_are_skipped() =>
        Assert.Equal("x", Decode<LogHeadRequest>("application/proto", Convert.FromHexString("0a0178" + "7801" + "82010179")).LogID);

    [Theory]
    [InlineData("application/proto")]
    [InlineData("application/json")]
    public void More_elements_than_allowed_are_refused_before_parsing(string codec)
    {
        var request = new LogsRequest();
        request.Protocols.AddRange(Enumerable.Repeat("", 10_000));
        var error = Assert.Throws<RpcException>(() => Decode<LogsRequest>(codec, Codec(codec).Encode(request)));
        Assert.Equal(RpcCode.ResourceExhausted, error.Code);
    }

    [Theory]
    [MemberData(nameof(Codecs))]
    public void More_bytes_than_allowed_are_refused(string codec)
    {
        var error = Assert.Throws<RpcException>(() => Decode<LogHeadRequest>(codec, new byte[Limits.MaxBytes + 1]));
        Assert.Equal(RpcCode.ResourceExhausted, error.Code);
    }

    [Theory]
    [MemberData(nameof(Codecs))]
    public void Decode_of_encode_gives_the_same_message(string codec) =>
        Prop.ForAll(
                ArbMap.Default.ArbFor<(byte[] Key, byte[] Value, ulong Side)[]>(),
                items =>
                {
                    var request = new SubmitRequest { LogID = "log" };
                    request.Items.AddRange(
                        items.Select(i => new KeyValuePair
                        {
                            Key = ByteString.CopyFrom(i.Key ?? []),
                            Value = ByteString.CopyFrom(i.Value ?? []),
                        })
                    );
                    return request.Equals(Decode<SubmitRequest>(codec, Codec(codec).Encode(request)));
                }
            )
            .QuickCheckThrowOnFailure();

    [Theory]
    [MemberData(nameof(Codecs))]
    public void Decode_of_a_message_in_pieces_gives_the_same_message(string codec)
    {
        var bytes = Codec(codec).Encode(Head);
        for (var cut = 0; cut <= bytes.Length; cut++)
        {
            var first = new Piece(bytes.AsMemory(0, cut));
            var sequence = new ReadOnlySequence<byte>(first, 0, first.Add(bytes.AsMemory(cut)), bytes.Length - cut);
            Assert.Equal(Head, Codec(codec).Decode(sequence, LogHead.Parser, Limits));
        }
    }

    [Theory]
    [InlineData("application/proto", "application/proto")]
    [InlineData("application/json", "application/json")]
    [InlineData("Application/JSON; charset=UTF-8", "application/json")]
    [InlineData("application/json;charset=latin1", null)]
    [InlineData("application/grpc", null)]
    [InlineData("text/plain", null)]
    [InlineData("", null)]
    [InlineData(null, null)]
    public void TryFind_takes_the_two_content_types(string? contentType, string? expected)
    {
        MessageCodec.TryFind(contentType, out var codec);
        Assert.Equal(expected, codec?.ContentType);
    }

    public static TheoryData<string> Codecs => ["application/proto", "application/json"];

    static MessageCodec Codec(string contentType)
    {
        Assert.True(MessageCodec.TryFind(contentType, out var codec));
        return codec;
    }

    static T Decode<T>(string codec, byte[] bytes)
        where T : class, IMessage<T>, new() =>
        Codec(codec)
            .Decode(
                new ReadOnlySequence<byte>(bytes),
                ((MessageParser<T>)new T().Descriptor.Parser).WithDiscardUnknownFields(true),
                Limits
            );

    static string Refusal<T>(string codec, string text)
        where T : class, IMessage<T>, new() =>
        Assert.Throws<MalformedException>(() => Decode<T>(codec, Encoding.UTF8.GetBytes(text))).Message;

    sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(ReadOnlyMemory<byte> memory) => Memory = memory;

        public Piece Add(ReadOnlyMemory<byte> memory)
        {
            var next = new Piece(memory) { RunningIndex = RunningIndex + Memory.Length };
            Next = next;
            return next;
        }
    }
}
