using Quorate.Crypto;
using Quorate.Crypto.Notes;
using Quorate.Node.Configuration;
using Quorate.Sources.Configuration;
using Quorate.Testing;
using Xunit;

namespace Quorate.Tests.Node;

public sealed class ClaimKeyConfigurationTests
{
    static Ed25519PublicKey Key(byte seed) =>
        Ed25519PublicKey.TryParse(TestNode.PublicKey(seed), out var key) ? key : throw new InvalidOperationException();

    /// <summary>Signers are named by a letter and the seed byte of their key.</summary>
    static NodeConfiguration Read(string text) =>
        ConfigurationReader.Read(text, "/etc/quorate/quorate.yaml", signer => Key(byte.Parse(signer.Name[1..], null)));

    static string Errors(string text) =>
        string.Join('\n', Assert.Throws<ConfigurationException>(() => Read(text)).Errors.Select(e => e.ToString()));

    static string Document(string builders, string more = "") =>
        $$"""
            node: { state: /s, listen: [http://127.0.0.1:0] }
            signers: { s2: { path: two.key }, s14: { path: wit.key } }
            witnesses: { alpha: { key: "{{NoteVerifierKey.Cosignature("w.example", Key(11))}}", url: https://w.example } }
            builders:
            {{builders}}
            publish:
            - { name: alice-traces, builder: alice, protocol: nix-trace, signer: s2 }
            follow:
            - { builder: bob, protocol: nix-trace, key: "{{TestNode.PublicKey(3)}}", remotes: [http://b.example] }
            - { builder: cache, protocol: nix, cache: https://c.example, key: "c-1:{{TestNode.PublicKey(4)}}" }
            {{more}}
            """;

    static string Builder(string name, params byte[] seeds) =>
        $"  {name}: {{ claim_keys: [{string.Join(", ", seeds.Select(s => $"\"k{s}-1:{TestNode.PublicKey(s)}\""))}] }}\n";

    static string Good => Builder("alice", 21, 22) + Builder("bob", 23);

    [Fact]
    public void Claim_keys_bind_to_the_logs_of_their_builder()
    {
        var configuration = Read(Document(Good, "traces: { mirrors: [bob] }"));

        Assert.Equal([Key(21), Key(22)], configuration.Publish[0].ClaimKeys.Select(k => k.Key));
        Assert.Equal("k23-1", Assert.Single(configuration.Follow[0].ClaimKeys).Name);
        Assert.Empty(configuration.Follow[1].ClaimKeys);
        Assert.Equal(["alice", "bob"], configuration.Builders.Keys.Order());
        Assert.Equal(["bob"], configuration.Traces.Mirrors);
    }

    [Theory]
    [InlineData(2, "that of signer 's2'")]
    [InlineData(14, "that of signer 's14'")]
    [InlineData(3, "the key of the log 'bob'")]
    [InlineData(4, "the key of the cache 'cache'")]
    [InlineData(11, "the key of the witness 'alpha'")]
    public void Claim_key_that_is_another_key_by_its_bytes_is_refused(byte seed, string what) =>
        Assert.Contains(what, Errors(Document(Builder("alice", 21) + Builder("bob", 23, seed))), StringComparison.Ordinal);

    [Fact]
    public void Claim_key_of_a_log_that_this_node_witnesses_is_refused()
    {
        var role = $"witness: {{ name: w2.example, signer: s14, logs: [\"{NoteVerifierKey.Ed25519("log.example", Key(23))}\"] }}";
        Assert.Contains("the key of the log log.example", Errors(Document(Good, role)), StringComparison.Ordinal);
    }

    [Fact]
    public void One_claim_key_under_two_builders_is_refused() =>
        Assert.Contains("would vote twice", Errors(Document(Builder("alice", 21) + Builder("bob", 21))), StringComparison.Ordinal);

    [Fact]
    public void One_claim_key_twice_is_refused() =>
        Assert.Contains("is there twice", Errors(Document(Builder("alice", 21, 21) + Builder("bob", 23))), StringComparison.Ordinal);

    [Fact]
    public void Log_of_traces_whose_builder_has_no_claim_keys_is_refused() =>
        Assert.Contains("builders.bob.claim_keys", Errors(Document(Builder("alice", 21))), StringComparison.Ordinal);

    [Fact]
    public void Builder_of_no_log_is_refused_with_the_nearest_name() =>
        Assert.Contains("did you mean 'bob'", Errors(Document(Good + Builder("bop", 24))), StringComparison.Ordinal);

    [Theory]
    [InlineData("  alice: { claim_keys: [\"no key\"] }\n", "claim_keys")]
    [InlineData("  alice: { keys: [] }\n", "unknown key")]
    [InlineData("  alice: {}\n", "claim_keys")]
    public void Builder_that_is_not_understood_is_refused(string builder, string what) =>
        Assert.Contains(what, Errors(Document(builder + Builder("bob", 23))), StringComparison.Ordinal);

    [Theory]
    [InlineData("traces: { mirrors: [bib] }", "did you mean 'bob'")]
    [InlineData("traces: { mirrors: [cache] }", "no followed log of protocol nix-trace")]
    [InlineData("trust: { nix-trace: { rule: alice } }", "quorate nix verify")]
    public void What_means_nothing_for_traces_is_refused(string more, string what) =>
        Assert.Contains(what, Errors(Document(Good, more)), StringComparison.Ordinal);

    [Theory]
    [InlineData("divergence: drop", "all claims of a key count")]
    [InlineData("filter: { deny_deriver: [x] }", "name neither derivers nor references")]
    public void Setting_of_a_log_that_means_nothing_for_traces_is_refused(string setting, string what) =>
        Assert.Contains(
            what,
            Errors(Document(Good).Replace("signer: s2 }", $"signer: s2, {setting} }}", StringComparison.Ordinal)),
            StringComparison.Ordinal
        );
}
