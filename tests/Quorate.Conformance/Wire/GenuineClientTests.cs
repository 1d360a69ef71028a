using Quorate.Conformance.TrustixRpc;
using Quorate.Core;
using Quorate.Log;
using Quorate.Node.Rpc;
using Quorate.Rpc.Messages;
using Quorate.Testing;
using Quorate.Testing.Rpc;
using Quorate.Trust;
using Xunit;
using LogHead = Quorate.Rpc.Messages.LogHead;

namespace Quorate.Conformance.Wire;

/// <summary>The byte streams of the genuine Go clients (chunked bodies, gzip, kept connections), sent to our endpoints over TCP.</summary>
public sealed class GenuineClientTests
{
    const string FirstKey = "0df00c2b09123f091962829e997cb2b2688234ca";

    [Fact]
    public async Task Command_line_client_is_answered_as_its_own_node_answered()
    {
        var node = RecordedNode.Load();
        await using var temporary = await node.CreateLogAsync();
        var registry = RecordedNode.Publish(temporary);
        await using var host = await TrustixHost.StartAsync(registry, RpcSurface.Public, settings: node.Settings);

        // Submit, flush, query (head and map value), the same again, get-value: one connection each.
        foreach (var connection in (string[])["conn000", "conn001", "conn002", "conn003", "conn004"])
        {
            var recorded = await RecordedAsync($"cli/{connection}.s2c");
            var answers = await RawHttp.ExchangeAsync(host.Uri, await BytesAsync($"cli/{connection}.c2s"), recorded.Count);
            Assert.Equal(
                recorded.Select(r => (r.Status, r.Header("Content-Type"), Convert.ToHexString(r.PlainBody()))),
                answers.Select(a => (a.Status, a.Header("Content-Type"), Convert.ToHexString(a.PlainBody())))
            );
        }
    }

    [Fact]
    public async Task Subscriber_is_answered_with_heads_and_proofs_that_verify()
    {
        var node = RecordedNode.Load();
        await using var temporary = await node.CreateLogAsync();
        var registry = RecordedNode.Publish(temporary);
        var log = temporary.Log;
        await using var host = await TrustixHost.StartAsync(registry, RpcSurface.Public, settings: node.Settings);
        var recorded = await RecordedAsync("sync/conn000.s2c");
        var requests = await RawHttp.ParseAsync(await BytesAsync("sync/conn000.c2s"));
        Assert.Equal(recorded.Count, requests.Count);

        for (var i = 0; i < requests.Count; i++)
        {
            if (requests[i].Path.EndsWith("/GetHead", StringComparison.Ordinal))
            {
                await GrowAsync(node, log, LogHead.Parser.ParseFrom(recorded[i].PlainBody()).TreeSize);
            }
            var request = WithRootOf(log, Again(requests[i]), recorded);
            var answer = (await RawHttp.ExchangeAsync(host.Uri, request, answers: 1))[0];
            Assert.Equal(200, answer.Status);
            Check(requests[i], answer.PlainBody(), log);
        }
    }

    [Fact]
    public async Task Subscriber_is_answered_over_its_one_connection()
    {
        var node = RecordedNode.Load();
        await using var temporary = await node.CreateLogAsync();
        var registry = RecordedNode.Publish(temporary);
        var log = temporary.Log;
        await GrowAsync(node, log, 7);
        await using var host = await TrustixHost.StartAsync(registry, RpcSurface.Public, settings: node.Settings);
        var stream = await BytesAsync("sync/conn000.c2s");
        var recorded = await RecordedAsync("sync/conn000.s2c");

        var answers = await RawHttp.ExchangeAsync(host.Uri, WithRootOf(log, stream, recorded), recorded.Count);

        Assert.All(answers, answer => Assert.Equal(200, answer.Status));
    }

    [Fact]
    public async Task Decide_client_gets_the_value_that_was_decided_on()
    {
        var node = RecordedNode.Load();
        await using var temporary = await node.CreateLogAsync();
        var registry = RecordedNode.Publish(temporary);
        var log = temporary.Log;
        await GrowAsync(node, log, 1);
        var recorded = (await RecordedAsync("decide/conn000.s2c"))[0];
        var value = DecisionResponse.Parser.ParseFrom(recorded.PlainBody()).Decision.Value;
        await using var host = await TrustixHost.StartAsync(
            registry,
            RpcSurface.Control,
            new Agreed(log.Identity.Id.Text, value.Memory),
            node.Settings
        );

        var answer = (await RawHttp.ExchangeAsync(host.Uri, await BytesAsync("decide/conn000.c2s"), answers: 1))[0];

        Assert.Equal(Convert.ToHexString(recorded.PlainBody()), Convert.ToHexString(answer.PlainBody()));
    }

    static void Check(RawMessage request, byte[] answer, PublishedLog log)
    {
        switch (request.Path)
        {
            case "/trustix_api.v1.NodeAPI/Logs":
                Assert.Equal(log.Identity.Id.Text, Assert.Single(LogsResponse.Parser.ParseFrom(answer).Logs).LogID);
                break;
            case "/trustix_api.v1.LogAPI/GetHead":
                Assert.Equal(log.Head.TreeSize, LogHead.Parser.ParseFrom(answer).TreeSize);
                break;
            case "/trustix_api.v1.LogAPI/GetLogConsistencyProof":
                var asked = GetLogConsistencyProofRequest.Parser.ParseFrom(request.Body);
                var proof = ProofResponse.Parser.ParseFrom(answer).Proof.Select(n => new Sha256Digest(n.Span)).ToList();
                Assert.Equal(log.ConsistencyProof(asked.FirstSize, asked.SecondSize), proof);
                break;
            case "/trustix_api.v1.LogAPI/GetMapValue":
                var map = MapValueResponse.Parser.ParseFrom(answer);
                Assert.Equal(log.MapValue(Convert.FromHexString(FirstKey), log.Head.MapRoot)!.Value.ToArray(), map.Value.ToByteArray());
                break;
            case "/trustix_api.v1.NodeAPI/GetValue":
                var value = ValueResponse.Parser.ParseFrom(answer).Value;
                Assert.Equal(ValueRequest.Parser.ParseFrom(request.Body).Digest.Span, Sha256Digest.HashData(value.Span).AsSpan());
                break;
            default:
                Assert.Fail($"no check for {request.Path}");
                break;
        }
    }

    /// <summary>The first entry is the recorded one; the others of that session are not known.</summary>
    static async Task GrowAsync(RecordedNode node, PublishedLog log, ulong size)
    {
        var first = node.Manifest.GetProperty("entries")[0];
        while (log.Head.TreeSize < size)
        {
            var item =
                log.Head.TreeSize == 0
                    ? new SubmitItem(
                        Convert.FromHexString(first.GetProperty("key_hex").GetString()!),
                        Convert.FromHexString(first.GetProperty("value_hex").GetString()!)
                    )
                    : new SubmitItem(BitConverter.GetBytes(log.Head.TreeSize), new byte[] { 1, 2, 3 });
            await log.SubmitAsync([item], CancellationToken.None);
        }
    }

    /// <summary>A subscriber asks for the map root of the head that it got; ours differs, because our later entries do.</summary>
    static byte[] WithRootOf(PublishedLog log, byte[] request, IReadOnlyList<RawMessage> recorded)
    {
        var root = recorded
            .Where(r => r.PlainBody().Length == 172)
            .Select(r => LogHead.Parser.ParseFrom(r.PlainBody()).MapRoot)
            .FirstOrDefault(r => request.AsSpan().IndexOf(r.Span) >= 0);
        if (root is not null)
        {
            log.Head.MapRoot.CopyTo(request.AsSpan(request.AsSpan().IndexOf(root.Span)));
        }
        return request;
    }

    /// <summary>The same request, chunked as it was.</summary>
    static byte[] Again(RawMessage request) =>
        [
            .. System.Text.Encoding.Latin1.GetBytes(
                request.StartLine
                    + "\r\n"
                    + string.Concat(request.Headers.Select(h => $"{h.Key}: {h.Value}\r\n"))
                    + "\r\n"
                    + (request.Body.Length == 0 ? "" : $"{request.Body.Length:x}\r\n")
            ),
            .. request.Body,
            .. request.Body.Length == 0 ? "0\r\n\r\n"u8 : "\r\n0\r\n\r\n"u8,
        ];

    static Task<byte[]> BytesAsync(string name) => File.ReadAllBytesAsync(Vectors.Find($"trustix/wire/{name}"));

    static async Task<IReadOnlyList<RawMessage>> RecordedAsync(string name) => await RawHttp.ParseAsync(await BytesAsync(name));

    sealed class Agreed(string logId, ReadOnlyMemory<byte> value) : IDecisionService
    {
        public Task<Decision> DecideAsync(BuildInput input, CancellationToken cancellationToken)
        {
            Assert.Equal(FirstKey, Convert.ToHexStringLower(input.Key.Span));
            var raw = new RawEvidence(value);
            var claim = new Claim(input, OutputMap.Single("out", new Output(raw.Digest)), "lab", ClaimOrigin.LoggedBuilt, raw);
            var evidence = new Evidence(claim, new LogPosition(logId, 0, 1), DateTimeOffset.UnixEpoch, []);
            return Task.FromResult(
                new Decision(Verdict.Accepted, evidence, ["lab"], 100, [new Testimony.Given("lab", evidence)], [], "percentage")
            );
        }
    }
}
