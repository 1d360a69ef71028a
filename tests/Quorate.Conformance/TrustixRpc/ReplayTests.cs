using System.Text;
using System.Text.Json.Nodes;
using Quorate.Node.Rpc;
using Quorate.Testing;
using Quorate.Testing.Rpc;
using Xunit;

namespace Quorate.Conformance.TrustixRpc;

/// <summary>
/// Sends the 104 recorded requests, byte for byte and in order, to our endpoints, with the recorded node's key. What succeeded there must
/// succeed here with the same message; where we answer otherwise, <see cref="Ours"/> says how.
/// </summary>
public sealed class ReplayTests
{
    /// <summary>Exchanges that we answer with another status or code than the Go node, or that fail in both.</summary>
    static readonly Dictionary<int, (int Status, string Code)> Ours = new()
    {
        // Go: 500 unknown with a storage key in decimal.
        [39] = (400, "out_of_range"),
        // Go (repaired): 200 with an empty proof, which would be the proof for a tree of one entry.
        [40] = (400, "out_of_range"),
        [41] = (400, "out_of_range"),
        [44] = (400, "out_of_range"),
        [45] = (400, "invalid_argument"),
        [64] = (404, "not_found"),
        [67] = (404, "not_found"),
        [72] = (412, "failed_precondition"),
        [73] = (404, "not_found"),
        [74] = (400, "invalid_argument"),
        [75] = (400, "invalid_argument"),
        [76] = (400, "invalid_argument"),
        // Go: empty bodies with 405 and 415, text with 404. gRPC-Web (81) works there.
        [77] = (415, "unimplemented"),
        [81] = (415, "unimplemented"),
        [82] = (405, "unimplemented"),
        [83] = (404, "unimplemented"),
        // Go: 500 unknown for a missing token.
        [84] = (401, "unauthenticated"),
        [85] = (401, "unauthenticated"),
        [86] = (401, "unauthenticated"),
        [87] = (401, "unauthenticated"),
        [88] = (401, "unauthenticated"),
        [89] = (401, "unauthenticated"),
    };

    /// <summary>Failures of the Go node that we answer: a proof of absence, and map roots that it no longer stores.</summary>
    static readonly int[] AnsweredHere = [58, 59, 61, 62];

    static Task<IReadOnlyDictionary<string, RawMessage>>? _answers;

    public static TheoryData<string> Names()
    {
        var folder = Path.Combine(
            Environment.GetEnvironmentVariable("QUORATE_VECTORS") ?? Path.Combine(Vectors.RepositoryRoot(), "..", "shared", "vectors"),
            "trustix/patched"
        );
        return Directory.Exists(folder)
            ? [.. Directory.EnumerateFiles(folder, "*.req.http").Select(f => Path.GetFileName(f)[..^9]).Order(StringComparer.Ordinal)]
            : ["absent"];
    }

    [Fact]
    public void Manifest_lists_104_exchanges() => Assert.Equal(104, RecordedNode.Load().Manifest.GetProperty("exchanges").GetArrayLength());

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Exchange_is_answered_as_recorded_or_as_documented(string name)
    {
        var recorded = await RecordedAsync(name, "resp");
        // One replay for all: tests of a class run one after another, and the log's state depends on the order.
        var answer = (await (_answers ??= ReplayAsync()))[name];
        var number = int.Parse(name.AsSpan(0, 3));
        if (Ours.TryGetValue(number, out var expected))
        {
            var error = JsonNode.Parse(answer.Body)!;
            Assert.Equal(expected, (answer.Status, error["code"]!.GetValue<string>()));
            Assert.NotEmpty(error["message"]!.GetValue<string>());
            return;
        }
        Assert.Equal(200, answer.Status);
        if (AnsweredHere.Contains(number))
        {
            Assert.Equal(500, recorded.Status);
            return;
        }
        Assert.Equal(200, recorded.Status);
        Assert.Equal(recorded.Header("Content-Type"), answer.Header("Content-Type"));
        if (answer.Header("Content-Type") == "application/json")
        {
            Assert.True(
                JsonNode.DeepEquals(JsonNode.Parse(recorded.PlainBody()), JsonNode.Parse(answer.PlainBody())),
                Encoding.UTF8.GetString(answer.PlainBody())
            );
        }
        else
        {
            Assert.Equal(Convert.ToHexStringLower(recorded.PlainBody()), Convert.ToHexStringLower(answer.PlainBody()));
        }
    }

    static async Task<IReadOnlyDictionary<string, RawMessage>> ReplayAsync()
    {
        var node = RecordedNode.Load();
        await using var log = await node.CreateLogAsync();
        var registry = RecordedNode.Publish(log);
        await using var open = await TrustixHost.StartAsync(registry, RpcSurface.Public, settings: node.Settings);
        await using var control = await TrustixHost.StartAsync(registry, RpcSurface.Control, settings: node.Settings);
        var answers = new Dictionary<string, RawMessage>(StringComparer.Ordinal);
        foreach (var name in Names())
        {
            var host = int.Parse(name.Data.AsSpan(0, 3)) is >= 68 and <= 72 ? control : open;
            var request = await File.ReadAllBytesAsync(Vectors.Find($"trustix/patched/{name.Data}.req.http"));
            answers[name.Data] = (await RawHttp.ExchangeAsync(host.Uri, request, answers: 1))[0];
        }
        return answers;
    }

    static async Task<RawMessage> RecordedAsync(string name, string kind) =>
        (await RawHttp.ParseAsync(await File.ReadAllBytesAsync(Vectors.Find($"trustix/patched/{name}.{kind}.http"))))[0];
}
