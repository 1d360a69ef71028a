using System.Buffers;
using Google.Protobuf;
using Quorate.Core;
using Quorate.Rpc;
using Quorate.Rpc.Codecs;
using Quorate.Rpc.Messages;
using KeyValuePair = Quorate.Rpc.Messages.KeyValuePair;
using WireLog = Quorate.Rpc.Messages.Log;

namespace Quorate.Fuzz.Targets;

/// <summary>The RPC codec: what it accepts encodes again to something that means the same.</summary>
sealed class MessageCodecTarget(string name, MessageCodec codec) : IFuzzTarget
{
    static readonly MessageLimits s_limits = new(1 << 16, 256);

    public string Name => name;

    public IEnumerable<byte[]> Seeds
    {
        get
        {
            var submit = new SubmitRequest { LogID = "log" };
            submit.Items.Add(new KeyValuePair { Key = ByteString.CopyFromUtf8("key"), Value = ByteString.Empty });
            var log = new WireLog
            {
                LogID = "log",
                Mode = WireLog.Types.LogModes.Log,
                Protocol = "protocol",
                Signer = new LogSigner { KeyType = LogSigner.Types.KeyTypes.Ed25519, Public = "key" },
            };
            log.Meta.Add("upstream", "http://localhost");
            var logs = new LogsResponse();
            logs.Logs.Add(log);
            yield return codec.Encode(submit);
            yield return codec.Encode(logs);
            yield return [];
        }
    }

    public void Run(ReadOnlySpan<byte> input)
    {
        var bytes = input.ToArray();
        Check(bytes, TrustixMethods.LogRpc.Submit.RequestParser);
        Check(bytes, TrustixMethods.RpcApi.Logs.ResponseParser);
        Check(bytes, TrustixMethods.LogApi.GetMapValue.ResponseParser);
    }

    void Check<T>(byte[] bytes, MessageParser<T> parser)
        where T : class, IMessage<T>, new()
    {
        T message;
        try
        {
            message = codec.Decode(new ReadOnlySequence<byte>(bytes), parser, s_limits);
        }
        catch (Exception e) when (e is MalformedException or RpcException)
        {
            return;
        }
        var again = codec.Decode(new ReadOnlySequence<byte>(codec.Encode(message)), parser, new MessageLimits(1 << 20, 4096));
        FuzzException.ThrowUnless(message.Equals(again), "accepted message does not survive encoding");
    }
}
