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

    /// <param name="traces">The lines of <c>gate.nix.traces</c>, without indentation.</param>
    public static async Task<GateProcess> StartAsync(TemporaryFolder folder, string upstream, params IEnumerable<string> traces)
    {
        var cancellation = TestContext.Current.CancellationToken;
        var home = await NodeProcess.PrepareAsync(folder, "gate", "nix");
        var port = NodeProcess.FreePort();
        using var key = NixCacheSecretKey.Generate("gate-1");
        key.Write(Path.Combine(home, "gate.secret"));
        await File.AppendAllTextAsync(
            Path.Combine(home, "quorate.yaml"),
            $$"""

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

    public ValueTask DisposeAsync() => _node.DisposeAsync();
}
