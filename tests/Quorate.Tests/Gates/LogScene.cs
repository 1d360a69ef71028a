using System.Net;
using System.Text;
using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Testing;
using Xunit;

namespace Quorate.Tests.Gates;

/// <summary>
/// Nodes of two builders who publish logs of build traces, and that of a consumer who follows them. The gate of the consumer has no other source.
/// </summary>
sealed class LogScene : IAsyncDisposable
{
    static readonly Dictionary<string, byte> s_seeds = new() { ["amy"] = 61, ["ben"] = 62 };
    static readonly HttpClient s_http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(60) };

    readonly Dictionary<string, TestNode> _builders = [];
    readonly Dictionary<string, Ed25519PrivateKey> _keys = [];
    string _folder = "";

    public TestNode Consumer { get; private set; } = null!;

    public string TrustFile => Path.Combine(_folder, "trust.yaml");

    public Uri GateUrl => new(Consumer.Host.Context.Gates.Single().Address);

    /// <param name="mode">How the logs are followed.</param>
    public static async Task<LogScene> StartAsync(string mode = "mirror", string rule = "2 of (amy, ben)")
    {
        var scene = new LogScene();
        try
        {
            foreach (var name in s_seeds.Keys)
            {
                scene._keys[name] = Ed25519PrivateKey.Generate();
                scene._builders[name] = await TestNode.StartAsync(
                    $$"""
                    signers: { {{name}}: { path: {{name}}.key } }
                    builders: { {{name}}: { claim_keys: ["{{scene.ClaimKey(name)}}"] } }
                    publish:
                    - { name: {{name}}, protocol: nix-trace, signer: {{name}} }
                    """,
                    new Dictionary<string, byte> { [name + ".key"] = s_seeds[name] }
                );
            }
            scene._folder = Directory.CreateTempSubdirectory("qn-").FullName;
            scene.Trust(rule);
            using (var key = NixCacheSecretKey.Generate("gate-1"))
            {
                key.Write(Path.Combine(scene._folder, "gate.secret"));
            }
            scene.Consumer = await TestNode.StartAsync(
                scene.Configuration(mode),
                new Dictionary<string, byte> { ["me.key"] = 63 },
                scene._folder
            );
            return scene;
        }
        catch
        {
            await scene.DisposeAsync();
            throw;
        }
    }

    /// <summary>The consumer's configuration, with other claim keys for amy if some are given.</summary>
    public string Configuration(string mode = "mirror", string? amysKey = null) =>
        $$"""
            signers: { me: { path: me.key } }
            publish:
            - { name: me, protocol: nix, signer: me }
            follow:
            - { builder: amy, protocol: nix-trace, key: "{{TestNode.PublicKey(s_seeds["amy"])}}", remotes: ["{{_builders[
                "amy"
            ].PublicUrl}}"], mode: {{mode}}, poll: 1h }
            - { builder: ben, protocol: nix-trace, key: "{{TestNode.PublicKey(s_seeds["ben"])}}", remotes: ["{{_builders[
                "ben"
            ].PublicUrl}}"], mode: {{mode}}, poll: 1h }
            builders:
              amy: { claim_keys: ["{{amysKey ?? ClaimKey("amy")}}"] }
              ben: { claim_keys: ["{{ClaimKey("ben")}}"] }
            trust: { nix: { rule: me } }
            gate:
              nix:
                listen: http://127.0.0.1:0
                signing_key: gate.secret
                traces: { trust: trust.yaml }
            """;

    public string ClaimKey(string builder) => new NixCachePublicKey(builder + "-1", _keys[builder].PublicKey).ToString();

    /// <summary>The identity of the builder's log.</summary>
    public string LogId(string builder) => _builders[builder].Host.Context.Registry.Published.Single().Log.Identity.Id.Text;

    /// <summary>Writes the trust file of the gate; takes effect at the next reload.</summary>
    /// <param name="logOfAmy">The ID of the log that amy has in it.</param>
    /// <param name="witness">A verifier key of a witness that it names for that log.</param>
    public void Trust(string rule, string? logOfAmy = null, string? witness = null) =>
        File.WriteAllText(
            TrustFile,
            $$"""
            rule: '{{rule}}'
            builders:
              amy: { keys: ["{{ClaimKey("amy")}}"]{{(logOfAmy is null ? "" : $", log: {logOfAmy}")}}{{(
                witness is null ? "" : ", witnesses: { require: 1, of: [wim] }"
            )}} }
              ben: { keys: ["{{ClaimKey("ben")}}"] }
            {{(witness is null ? "" : $"witnesses: {{ wim: {{ key: '{witness}' }} }}")}}
            """
        );

    /// <summary>Logs a claim at the builder's node, where the resolved derivation is kept too.</summary>
    public async Task ClaimAsync(string builder, ResolvedDerivation derivation, params (string Name, StorePath Path)[] outputs)
    {
        var claim = TraceScene.Claim(_keys[builder], derivation, outputs);
        var before = await StoredAsync(builder, derivation);
        await PutAsync(builder, $"/traces/aterm/{derivation.Hash}", [.. before, .. claim, (byte)'\n']);
        await PutAsync(builder, $"/traces/drv/{derivation.Hash}", derivation.ToAterm());
    }

    /// <summary>Both claim <c>a</c> and <c>top</c> honestly, and the consumer knows.</summary>
    public async Task ClaimAllAsync()
    {
        foreach (var builder in s_seeds.Keys)
        {
            await ClaimAsync(builder, TraceScene.A, ("out", TraceScene.AOut), ("dev", TraceScene.ADev));
            await ClaimAsync(builder, TraceScene.ResolvedTop, ("out", TraceScene.TopInfo.StorePath));
        }
        await SyncAsync();
    }

    public async Task SyncAsync()
    {
        foreach (var builder in s_seeds.Keys)
        {
            await Consumer.SyncAsync(builder);
        }
    }

    public async Task StopBuildersAsync()
    {
        foreach (var node in _builders.Values)
        {
            await node.StopAsync();
        }
    }

    /// <summary>What the gate says to a request for this path: status, verdict and body.</summary>
    public async Task<(HttpStatusCode Status, string Verdict, byte[] Body)> AskAsync(string path)
    {
        using var response = await s_http.GetAsync(new Uri(GateUrl, "/" + path), TestContext.Current.CancellationToken);
        return (
            response.StatusCode,
            response.Headers.TryGetValues("X-Quorate-Verdict", out var verdicts) ? verdicts.Single() : "",
            await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken)
        );
    }

    public async ValueTask DisposeAsync()
    {
        if (Consumer is not null)
        {
            await Consumer.DisposeAsync();
        }
        else if (_folder.Length > 0)
        {
            Directory.Delete(_folder, recursive: true);
        }
        foreach (var node in _builders.Values)
        {
            await node.DisposeAsync();
        }
        foreach (var key in _keys.Values)
        {
            key.Dispose();
        }
    }

    async Task<byte[]> StoredAsync(string builder, ResolvedDerivation derivation)
    {
        using var response = await _builders[builder].Control.GetAsync($"/traces/aterm/{derivation.Hash}");
        return response.StatusCode == HttpStatusCode.NotFound ? [] : await response.Content.ReadAsByteArrayAsync();
    }

    async Task PutAsync(string builder, string path, byte[] body)
    {
        using var content = new ByteArrayContent(body);
        using var response = await _builders[builder].Control.PutAsync(path, content);
        Assert.True(response.IsSuccessStatusCode, Encoding.UTF8.GetString(await response.Content.ReadAsByteArrayAsync()));
    }
}
