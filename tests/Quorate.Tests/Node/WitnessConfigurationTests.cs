using Quorate.Crypto;
using Quorate.Crypto.Notes;
using Quorate.Log.Witnessing;
using Quorate.Node.Configuration;
using Quorate.Sources.Configuration;
using Quorate.Testing;
using Xunit;

namespace Quorate.Tests.Node;

public sealed class WitnessConfigurationTests
{
    static Ed25519PublicKey Key(byte seed)
    {
        Assert.True(Ed25519PublicKey.TryParse(TestNode.PublicKey(seed), out var key));
        return key;
    }

    static string Witness(byte seed) => NoteVerifierKey.Cosignature($"w{seed}.example", Key(seed)).ToString();

    static string Log(byte seed) => NoteVerifierKey.Ed25519($"log{seed}.example", Key(seed)).ToString();

    /// <summary>Signers are named by a letter and the seed byte of their key.</summary>
    static NodeConfiguration Read(string text) =>
        ConfigurationReader.Read(text, "/etc/quorate/quorate.yaml", signer => Key(byte.Parse(signer.Name[1..], null)));

    static string Error(string text) =>
        Assert
            .Single(Assert.Throws<ConfigurationException>(() => Read(text)).Errors)
            .ToString()
            .Replace("/etc/quorate/quorate.yaml:", "", StringComparison.Ordinal);

    static string Document(string policy, string more = "", string witnesses = "") =>
        $$"""
            node: { state: /s, listen: [http://127.0.0.1:0] }
            witnesses:
              alpha: { key: "{{Witness(11)}}", url: https://w11.example }
              beta: { key: "{{Witness(12)}}", url: https://w12.example, monitor: https://m12.example }
              gamma: { key: "{{Witness(13)}}" }
            {{witnesses}}
            signers: { s2: { path: two.key }, s14: { path: wit.key } }
            publish:
            - { name: bob, protocol: test, signer: s2, witnesses: {{policy}} }
            {{more}}
            """;

    [Fact]
    public void Policy_with_groups_binds()
    {
        var policy = Read(Document("{ require: 2, of: [alpha, { require: 1, of: [beta] }], on_failure: publish-unwitnessed }"))
            .Publish[0]
            .Witnesses!;

        Assert.Equal(["alpha", "beta"], policy.Witnesses.Select(w => w.Name));
        Assert.Equal(UnwitnessedMode.Publish, policy.OnFailure);
        Assert.Equal(new Uri("https://w11.example"), policy.Witnesses[0].Monitor);
        Assert.Equal(new Uri("https://m12.example"), policy.Witnesses[1].Monitor);
        Assert.False(policy.Policy.IsMetBy([policy.Witnesses[0].Key]));
        Assert.True(policy.Policy.IsMetBy([policy.Witnesses[0].Key, policy.Witnesses[1].Key]));
    }

    [Fact]
    public void Policies_of_equal_text_are_equal()
    {
        var text = Document("{ require: 1, of: [alpha, beta] }");
        Assert.Equal(Read(text).Publish[0].Witnesses, Read(text).Publish[0].Witnesses);
    }

    [Theory]
    [InlineData("{ require: 2, of: [alpha, betta] }", "unknown witness 'betta'; did you mean 'beta'?")]
    [InlineData("{ require: 3, of: [alpha, beta] }", "must be between 1 and 2")]
    [InlineData("{ require: 1, of: [alpha, alpha] }", "witness 'alpha' is named twice; it counts once")]
    [InlineData("{ require: 1, of: [] }", "no witnesses are named, so nothing could ever be witnessed")]
    [InlineData("{ of: [alpha] }", "'require' is missing")]
    [InlineData("{ require: 1, of: [gamma] }", "witness 'gamma' has no 'url', so it cannot be asked for cosignatures")]
    [InlineData("{ require: 1, of: [alpha], on_failure: ignore }", "expected wait or publish-unwitnessed, not 'ignore'")]
    public void Wrong_policy_is_refused_in_its_place(string policy, string message)
    {
        var error = Error(Document(policy));
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.Contains("publish[0].witnesses", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Key_of_a_log_is_no_key_of_a_witness() =>
        Assert.Contains(
            "expected a witness's verifier key",
            Error(Document("{ require: 1, of: [alpha] }", witnesses: $"  delta: {{ key: \"{Log(15)}\" }}")),
            StringComparison.Ordinal
        );

    [Fact]
    public void One_witness_under_two_names_is_refused() =>
        Assert.Contains(
            "witnesses.alpha already has this public key",
            Error(
                Document(
                    "{ require: 1, of: [alpha] }",
                    witnesses: $"  delta: {{ key: \"{NoteVerifierKey.Cosignature("other", Key(11))}\" }}"
                )
            ),
            StringComparison.Ordinal
        );

    [Fact]
    public void Role_binds_with_its_logs()
    {
        var role = Read(
            Document("{ require: 1, of: [alpha] }", $"witness: {{ name: w14.example, signer: s14, logs: [\"{Log(20)}\", \"{Log(21)}\"] }}")
        ).Witness!;
        Assert.Equal(("w14.example", "s14"), (role.Name, role.Signer.Name));
        Assert.Equal(["log20.example", "log21.example"], role.Logs.Select(l => l.Name));
    }

    [Theory]
    [InlineData("s2", "this is the key of the log 'bob'")]
    [InlineData("s11", "witness 'alpha' is this node's own, which never counts for its own logs")]
    public void Witness_with_a_key_that_has_another_use_is_refused(string signer, string message) =>
        Assert.Contains(
            message,
            Error(
                Document("{ require: 1, of: [alpha] }", $"witness: {{ name: w, signer: {signer}, logs: [\"{Log(20)}\"] }}")
                    .Replace("s14:", "s11: { path: eleven.key }, s14:", StringComparison.Ordinal)
            ),
            StringComparison.Ordinal
        );

    [Fact]
    public void Witness_with_the_key_of_the_gate_is_refused() =>
        Assert.Contains(
            "this is the key file of the gate",
            Error(
                $$"""
                node: { state: /s, listen: [http://127.0.0.1:0] }
                signers: { s14: { path: wit.key } }
                follow: [{ builder: bob, protocol: nix, key: "{{TestNode.PublicKey(2)}}", remotes: [http://127.0.0.1:1] }]
                trust: { nix: { rule: bob } }
                gate: { nix: { listen: http://127.0.0.1:0, signing_key: wit.key } }
                witness: { name: w, signer: s14, logs: ["{{Log(20)}}"] }
                """
            ),
            StringComparison.Ordinal
        );

    [Fact]
    public void Witness_without_a_public_listener_is_refused() =>
        Assert.Contains(
            "a witness answers on the public listener",
            Error(
                Document("{ require: 1, of: [alpha] }", $"witness: {{ name: w, signer: s14, logs: [\"{Log(20)}\"] }}")
                    .Replace(", listen: [http://127.0.0.1:0]", "", StringComparison.Ordinal)
            ),
            StringComparison.Ordinal
        );

    [Fact]
    public void Rule_that_needs_more_witnesses_than_the_log_has_is_refused() =>
        Assert.Contains(
            "no log of builder 'bob' has more than 2 witnesses configured",
            Error(Document("{ require: 1, of: [alpha, beta] }", "trust: { test: { rule: \"bob where witnessed(3)\" } }")),
            StringComparison.Ordinal
        );

    [Theory]
    [InlineData("https://hook.example/x?token=1", true)]
    [InlineData("ftp://hook.example/x", false)]
    [InlineData("https://user@hook.example/x", false)]
    public void Webhook_is_an_http_address(string address, bool accepted)
    {
        var text = $"node: {{ state: /s, webhook: \"{address}\" }}\n";
        if (accepted)
        {
            Assert.Equal(new Uri(address), Read(text).Node.Webhook);
        }
        else
        {
            Assert.Contains("expected a URL", Error(text), StringComparison.Ordinal);
        }
    }
}
