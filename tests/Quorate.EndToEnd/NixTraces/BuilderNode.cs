using Quorate.Core;
using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Crypto.Notes;
using Quorate.EndToEnd.NixBuilds;
using Quorate.EndToEnd.Node;
using Quorate.EndToEnd.Programs;
using Quorate.Log;

namespace Quorate.EndToEnd.NixTraces;

/// <summary>
/// A builder as the manual sets it up: a node with a log of outputs and one of build traces, which it also serves as a trace store; a claim key; and
/// the post-build hook, which signs every build.
/// </summary>
sealed class BuilderNode : IAsyncDisposable
{
    readonly NodeProcess _node;

    BuilderNode(NodeProcess node, string name, string url, string traceLogKey, NixCachePublicKey claimKey, NixStore store, string hook)
    {
        _node = node;
        Name = name;
        TraceStore = url;
        TraceLogKey = traceLogKey;
        ClaimKey = claimKey;
        Store = store;
        Hook = hook;
    }

    public string Name { get; }

    /// <summary>The address at which verifiers find its claims.</summary>
    public string TraceStore { get; }

    /// <summary>The key of its log of build traces, for those who follow it.</summary>
    public string TraceLogKey { get; }

    /// <summary>The same log, as trust files name it.</summary>
    public LogId TraceLog => LogId.Compute(Protocol.NixTrace, ParsedTraceLogKey);

    /// <summary>The same log, as witnesses know it.</summary>
    public NoteVerifierKey TraceLogVerifier => NoteVerifierKey.Ed25519(OriginOf(Name), ParsedTraceLogKey);

    Ed25519PublicKey ParsedTraceLogKey =>
        Ed25519PublicKey.TryParse(TraceLogKey, out var key) ? key : throw new FormatException(TraceLogKey);

    public NixCachePublicKey ClaimKey { get; }

    /// <summary>Builds in it are claimed.</summary>
    public NixStore Store { get; }

    public string Hook { get; }

    /// <param name="more">Options of <c>quorate nix hook install</c>.</param>
    public static Task<BuilderNode> StartAsync(TraceLab lab, string name, params string[] more) => StartAsync(lab, name, null, more);

    /// <param name="witness">Cosigns its log of build traces.</param>
    public static async Task<BuilderNode> StartAsync(TraceLab lab, string name, WitnessProcess? witness, params string[] more)
    {
        var cancellation = TestContext.Current.CancellationToken;
        var home = Directory.CreateDirectory(lab.Folder[name + ".node"]).FullName;
        string In(string file) => Path.Combine(home, file);
        (await BuiltProgram.QuorateAsync("key", "new", In("node.key"))).MustSucceed();
        (await BuiltProgram.QuorateAsync("key", "new", In("traces.key"))).MustSucceed();
        var traceLogKey = (await BuiltProgram.QuorateAsync("key", "show", In("traces.key"), "--public")).MustSucceed().Output.Trim();
        using var claimKey = NixCacheSecretKey.Generate(name + "-1");
        claimKey.Write(In("claims.secret"));
        var url = $"http://127.0.0.1:{NodeProcess.FreePort()}";
        var control = "unix://" + NodeProcess.SocketIn(home);
        await File.WriteAllTextAsync(
            In("quorate.yaml"),
            $$"""
            node:
              state: state
              listen: [{{url}}]
              control: {{control}}
            signers:
              {{name}}: { type: ed25519, path: node.key }
              {{name}}-traces: { type: ed25519, path: traces.key }
            builders:
              {{name}}: { claim_keys: ["{{claimKey.PublicKey}}"] }
            publish:
              - { name: {{name}}, protocol: nix, signer: {{name}} }
              - { name: {{name}}-traces, builder: {{name}}, protocol: nix-trace, signer: {{name}}-traces{{Witnessed(name, witness)}} }
            {{witness?.Known}}
            """,
            cancellation
        );
        var node = await NodeProcess.StartAsync(home);
        try
        {
            string[] install =
            [
                "nix",
                "hook",
                "install",
                "--publish-all",
                "--node",
                control,
                "--log",
                name,
                "--trace-log",
                name + "-traces",
                "--claim-key",
                In("claims.secret"),
                "--nix-store",
                lab.Nix.Program("nix-store"),
                "--path",
                In("hook"),
                .. more,
            ];
            (await BuiltProgram.QuorateAsync(install)).MustSucceed();
            var store = lab.Builder(name, "post-build-hook = " + In("hook"));
            return new BuilderNode(node, name, url, traceLogKey, claimKey.PublicKey, store, In("hook"));
        }
        catch
        {
            await node.DisposeAsync();
            throw;
        }
    }

    /// <summary>Delivers what the hook could not deliver within its second.</summary>
    public async Task FlushAsync() => (await BuiltProgram.QuorateAsync("nix", "hook", "flush", "--path", Hook)).MustSucceed();

    /// <summary>How many claims about build steps its log has.</summary>
    public async Task<ulong> TraceCountAsync() =>
        (await _node.Control.HeadAsync(Name + "-traces", TestContext.Current.CancellationToken)).Value.TreeSize;

    public ValueTask DisposeAsync() => _node.DisposeAsync();

    static string OriginOf(string name) => $"{name}.example/traces";

    static string Witnessed(string name, WitnessProcess? witness) =>
        witness is null ? "" : $", origin: {OriginOf(name)}, witnesses: {{ require: 1, of: [wit] }}";
}
