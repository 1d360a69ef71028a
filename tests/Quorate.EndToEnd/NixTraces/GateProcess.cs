using System.Text.Json;
using Quorate.Crypto.Keys;
using Quorate.EndToEnd.Node;
using Quorate.EndToEnd.Programs;

namespace Quorate.EndToEnd.NixTraces;

/// <summary>A real <c>quorated</c> whose gate judges build traces.</summary>
sealed class GateProcess : IAsyncDisposable
{
    readonly NodeProcess _node;

    GateProcess(NodeProcess node, string url, string publicKey)
    {
        _node = node;
        Url = url;
        PublicKey = publicKey;
    }

    public string Url { get; }

    /// <summary>For <c>trusted-public-keys</c>.</summary>
    public string PublicKey { get; }

    public string Log => _node.Program.Errors + _node.Program.Output;

    /// <summary>SIGHUP; returns when the node has told what came of it.</summary>
    public async Task ReloadAsync(string told)
    {
        await _node.Program.HangUpAsync();
        using var timeout = new CancellationTokenSource(RunningProgram.Patience);
        while (!Log.Contains(told, StringComparison.Ordinal))
        {
            Assert.False(timeout.IsCancellationRequested, $"the node does not say '{told}'\n{Log}");
            await Task.Delay(20, CancellationToken.None);
        }
    }

    /// <param name="traces">The lines of <c>gate.nix.traces</c>, without indentation.</param>
    public static Task<GateProcess> StartAsync(TemporaryFolder folder, string upstream, params IEnumerable<string> traces) =>
        StartAsync(folder, upstream, "", traces);

    /// <summary>A gate that knows nothing but the logs that it follows.</summary>
    public static Task<GateProcess> FollowAsync(
        TemporaryFolder folder,
        string upstream,
        string trustFile,
        params IEnumerable<BuilderNode> builders
    ) => FollowAsync(folder, upstream, trustFile, null, builders);

    /// <param name="witness">Whose cosignatures of these logs it believes.</param>
    public static Task<GateProcess> FollowAsync(
        TemporaryFolder folder,
        string upstream,
        string trustFile,
        WitnessProcess? witness,
        params IEnumerable<BuilderNode> builders
    ) =>
        StartAsync(
            folder,
            upstream,
            $$"""
            follow:
            {{string.Concat(
                builders.Select(b =>
                    $"  - {{ builder: {b.Name}, protocol: nix-trace, key: \"{b.TraceLogKey}\", remotes: [\"{b.TraceStore}\"], poll: 1s{(witness is null ? "" : ", witnesses: { require: 1, of: [wit] }")} }}\n"
                )
            )}}
            builders:
            {{string.Concat(builders.Select(b => $"  {b.Name}: {{ claim_keys: [\"{b.ClaimKey}\"] }}\n"))}}
            {{witness?.Known}}
            """,
            [$"trust: {trustFile}"]
        );

    static async Task<GateProcess> StartAsync(TemporaryFolder folder, string upstream, string more, IEnumerable<string> traces)
    {
        var cancellation = TestContext.Current.CancellationToken;
        var home = await NodeProcess.PrepareAsync(folder, "gate", "nix");
        var port = NodeProcess.FreePort();
        using var key = NixCacheSecretKey.Generate("gate-1");
        key.Write(Path.Combine(home, "gate.secret"));
        await File.AppendAllTextAsync(
            Path.Combine(home, "quorate.yaml"),
            $$"""

            {{more}}
            trust:
              nix: { rule: "1 of (gate)" }
            gate:
              nix:
                listen: http://127.0.0.1:{{port}}
                signing_key: gate.secret
                upstreams: ["{{upstream}}"]
                traces:
                  {{string.Join("\n      ", traces)}}
            """,
            cancellation
        );
        return new GateProcess(await NodeProcess.StartAsync(home), $"http://127.0.0.1:{port}", key.PublicKey.ToString());
    }

    /// <summary>Returns when some witness has vouched for everything that is known of every log.</summary>
    public async Task UntilWitnessedAsync()
    {
        using var timeout = new CancellationTokenSource(RunningProgram.Patience);
        while (!(await _node.Control.LogsAsync(timeout.Token)).Document.GetProperty("followed").EnumerateArray().All(IsWitnessed))
        {
            await Task.Delay(50, timeout.Token);
        }
    }

    static bool IsWitnessed(JsonElement log) =>
        log.GetProperty("treeSize").GetUInt64() is > 0 and var size
        && log.GetProperty("status").GetProperty("witnessedSizes").EnumerateArray().Any(witnessed => witnessed.GetUInt64() == size);

    public ValueTask DisposeAsync() => _node.DisposeAsync();
}
