using FsCheck;
using FsCheck.Fluent;
using Quorate.Crypto;
using Quorate.Node.Configuration;
using Quorate.Sources.Configuration;
using Xunit;

namespace Quorate.Tests.Node;

public sealed class ConfigurationReaderTests
{
    static readonly string s_key1 = Key(1);
    static readonly string s_key2 = Key(2);

    internal static string Key(byte seed)
    {
        using var key = Ed25519PrivateKey.FromSeed([.. Enumerable.Repeat(seed, 32)]);
        return key.PublicKey.ToString();
    }

    static NodeConfiguration Read(string text, Func<SignerSection, Ed25519PublicKey>? keys = null) =>
        ConfigurationReader.Read(text, "/etc/quorate/quorate.yaml", keys);

    static string[] Errors(string text, Func<SignerSection, Ed25519PublicKey>? keys = null) =>
        [.. Assert.Throws<ConfigurationException>(() => Read(text, keys)).Errors.Select(e => e.ToString())];

    /// <summary>The only error of a document, without the file name.</summary>
    static string Error(string text, Func<SignerSection, Ed25519PublicKey>? keys = null) =>
        Assert.Single(Errors(text, keys)).Replace("/etc/quorate/quorate.yaml:", "", StringComparison.Ordinal);

    static readonly string s_full = $$"""
        node:
          state: /var/lib/quorate
          listen: [http://127.0.0.1:8090]
          control: unix:///run/quorate/control.socket
          tokens: ["default:{{s_key1}}", { token: "ci:{{s_key2}}", logs: [alice] }]
          public_url: https://log.example
          history: { age: 7d, heads: 2000 }
          max_body: 32MiB
          request_timeout: 10s
        signers:
          alice: { type: ed25519, path: alice.key }
        publish:
          - { name: alice, protocol: nix, signer: alice, meta: { upstream: http://127.0.0.1:9101 }, filter: { deny: ["secret-*"] } }
        follow:
          - { builder: bob, protocol: nix, key: "{{s_key1}}", remotes: [http://127.0.0.1:8091], mode: mirror }
          - { builder: nixos, protocol: nix, cache: https://cache.example, key: "cache.example-1:{{s_key2}}" }
        trust:
          nix: { rule: "2 of (alice, bob, nixos)" }
        gate:
          nix: { listen: http://127.0.0.1:8098, signing_key: cache.secret, upstreams: [http://127.0.0.1:9101], mode: report }
        """;

    [Fact]
    public void Read_of_a_followed_log_without_limits_gives_it_those_of_a_mirror()
    {
        var bob = Read(s_full).Follow[0];

        Assert.Equal((10_000_000UL, 64L << 30, 10_000_000UL), (bob.MaxEntries, bob.MaxBytes, bob.MaxHeads));
    }

    [Fact]
    public void Read_of_every_section_binds_all_values()
    {
        var configuration = Read(s_full);

        Assert.Equal("/var/lib/quorate", configuration.Node.State);
        Assert.Equal("unix:///run/quorate/control.socket", configuration.Node.Control);
        Assert.Equal(["http://127.0.0.1:8090"], configuration.Node.Listen);
        Assert.Equal(["default", "ci"], configuration.Node.Tokens.Select(t => t.Name));
        Assert.Equal(["alice"], configuration.Node.Tokens[1].Logs);
        Assert.Equal(TimeSpan.FromDays(7), configuration.Node.History.Age);
        Assert.Equal(32 << 20, configuration.Node.MaxBody);
        Assert.Equal(TimeSpan.FromSeconds(10), configuration.Node.RequestTimeout);
        var publish = Assert.Single(configuration.Publish);
        Assert.Equal("alice", publish.Builder);
        Assert.Equal("/etc/quorate/alice.key", publish.Signer.Path);
        Assert.Equal("http://127.0.0.1:9101", publish.Meta["upstream"]);
        Assert.Equal(["secret-*"], publish.Filter.Deny);
        Assert.Equal("bob", configuration.Follow[0].Name);
        Assert.Equal(s_key1, configuration.Follow[0].Key!.ToString());
        Assert.Equal("cache.example-1", configuration.Follow[1].Cache!.KeyName);
        Assert.Equal("2 of (alice, bob, nixos)", configuration.Trust["nix"].Rule!.Text);
        Assert.Equal("/etc/quorate/cache.secret", configuration.NixGate!.SigningKey);
        Assert.Equal(GateMode.Report, configuration.NixGate.Mode);
    }

    [Fact]
    public void Read_of_node_alone_is_enough() =>
        Assert.Equal("unix:///etc/quorate/state/control.socket", Read("node: { state: state }").Node.Control);

    [Fact]
    public void Read_of_unknown_key_names_place_and_nearest_key() =>
        Assert.Equal("3:3: node.lisen: unknown key; did you mean 'listen'?", Error("node:\n  state: /s\n  lisen: [http://127.0.0.1:1]\n"));

    [Theory]
    [InlineData("", 7 * 24)]
    [InlineData(", scrub: 0", 0)]
    [InlineData(", scrub: 36h", 36)]
    public void Read_of_scrub_gives_hours_or_never(string scrub, int hours) =>
        Assert.Equal(TimeSpan.FromHours(hours), Read($"node: {{ state: /s{scrub} }}\n").Node.Scrub);

    [Fact]
    public void Read_of_signed_state_beside_the_state_directory_takes_it() =>
        Assert.Equal("/s-signed", Read("node: { state: /s, signed_state: /s-signed }\n").Node.SignedState);

    [Fact]
    public void Read_of_unknown_top_level_key_names_nearest_section() =>
        Assert.Equal("2:1: folow: unknown key; did you mean 'follow'?", Error("node: { state: /s }\nfolow: []\n"));

    [Fact]
    public void Read_reports_every_error_in_order_of_the_file()
    {
        var errors = Errors("node:\n  state: /s\n  max_body: lots\nfollow:\n  - { builder: bob, protocol: nxi }\nlogs: 1\n");

        Assert.Contains("/etc/quorate/quorate.yaml:3:13: node.max_body: expected a size like 512KiB, 16MiB or 2GiB, not 'lots'", errors);
        Assert.Contains(
            errors,
            e =>
                e.StartsWith(
                    "/etc/quorate/quorate.yaml:5:31: follow[0].protocol: unknown protocol 'nxi'; did you mean 'nix'?",
                    StringComparison.Ordinal
                )
        );
        Assert.Contains(errors, e => e.Contains("follow[0]: 'key' is missing", StringComparison.Ordinal));
        Assert.Contains(errors, e => e.Contains("logs: unknown key", StringComparison.Ordinal));
        Assert.Equal(5, errors.Length);
    }

    [Theory]
    [InlineData("node: { state: /s }\nnode: { state: /t }\n", "2:1: node: this key was already given at line 1")]
    [InlineData("node: &n { state: /s }\n", "1:7: node: anchors are not allowed ('&n'); write the value out")]
    [InlineData("node: !x { state: /s }\n", "1:7: node: tags are not allowed ('!x')")]
    [InlineData("node: { state: /s }\n---\nnode: 1\n", "2:1: only one document per file; remove everything from the second '---' on")]
    [InlineData("", "1:1: the file is empty; 'node:' with a 'state' directory is the least it needs")]
    [InlineData("signers: {}\n", "1:1: 'node' is missing")]
    [InlineData("node: {}\n", "1:7: node: 'state' is missing")]
    [InlineData("node: { state: }\n", "1:16: node.state: has no value; give one or remove the key")]
    [InlineData("- node\n", "1:1: expected a mapping (key: value), not a list")]
    [InlineData("node: [a]\n", "1:7: node: expected a mapping (key: value), not a list")]
    [InlineData(
        "node: { state: /s, allow_cleartext_tokens: yes }\n",
        "1:44: node.allow_cleartext_tokens: expected true or false, not 'yes'"
    )]
    [InlineData(
        "node: { state: /s, request_timeout: 1 hour }\n",
        "1:37: node.request_timeout: expected a duration like 60s, 10m, 24h or 7d, not '1 hour'"
    )]
    [InlineData(
        "node: { state: /s, signed_state: /s/signed }\n",
        "1:34: node.signed_state: must lie outside of node.state: restored together with the logs it would remember nothing"
    )]
    [InlineData("node: { state: /s, scrub: 1s }\n", "1:27: node.scrub: must be between 60s and 315360000s")]
    [InlineData(
        "node: { state: /s, max_entries_per_call: 0x10 }\n",
        "1:42: node.max_entries_per_call: expected a whole number, not '0x10'"
    )]
    [InlineData(
        "node: { state: /s, control: http://0.0.0.0:80 }\n",
        "1:29: node.control: the control listener must be a unix socket or a loopback address: whoever reaches it may submit"
    )]
    [InlineData(
        "node: { state: /s, listen: [https://127.0.0.1:1] }\n",
        "1:29: node.listen[0]: https needs node.tls with 'certificate' and 'key'"
    )]
    [InlineData(
        "node: { state: /s }\npublish:\n- { name: a, protocol: nix, signer: alice }\n",
        "3:37: publish[0].signer: unknown signer 'alice'; define it under 'signers:'"
    )]
    [InlineData(
        "node: { state: /s }\nsigners: { alice: { path: a } }\npublish:\n- { name: a, protocol: nix, signer: alcie }\n",
        "4:37: publish[0].signer: unknown signer 'alcie'; did you mean 'alice'?"
    )]
    [InlineData(
        "node: { state: /s }\nsigners: { alice: { type: rsa, path: a } }\n",
        "2:27: signers.alice.type: expected ed25519, not 'rsa'"
    )]
    public void Read_of_bad_document_gives_the_clear_error(string text, string expected) => Assert.Equal(expected, Error(text));

    [Fact]
    public void Read_of_alias_is_refused() =>
        Assert.Contains(
            Errors("node:\n  state: &a /s\n  control: *a\n"),
            e => e.EndsWith("node.control: aliases are not allowed ('*a'); write the value out", StringComparison.Ordinal)
        );

    [Fact]
    public void Read_of_broken_yaml_names_the_place()
    {
        var error = Error("node: { state: /s\n");
        Assert.Matches("^[0-9]+:[0-9]+: ", error);
    }

    [Fact]
    public void Read_of_deep_nesting_is_refused() =>
        Assert.Contains("nested deeper than", Error("node: " + new string('[', 1000) + new string(']', 1000)), StringComparison.Ordinal);

    static string WithLogs(string rest) =>
        $$"""
            node: { state: /s }
            signers: { one: { path: one.key }, two: { path: two.key } }
            publish:
            - { name: alice, protocol: nix, signer: one }
            {{rest}}
            """;

    [Fact]
    public void Read_of_signer_in_two_publish_entries_is_refused() =>
        Assert.Equal(
            "5:47: publish[1].signer: signer 'one' already signs publish[0] ('alice'); a log key belongs to exactly one log, so make another with 'quorate key new'",
            Error(WithLogs("- { name: alice-test, protocol: test, signer: one }"))
        );

    [Fact]
    public void Read_of_two_signers_with_one_key_is_refused() =>
        Assert.Equal(
            "5:47: publish[1].signer: this signer holds the same key as the one of publish[0]; a log key belongs to exactly one log",
            Error(WithLogs("- { name: alice-test, protocol: test, signer: two }"), _ => PublicKey(s_key1))
        );

    [Fact]
    public void Read_of_stated_key_that_does_not_match_is_refused() =>
        Assert.Equal(
            $"5:49: publish[1].key: this is not the public key of signer 'two' (/etc/quorate/two.key), whose key is {s_key2}",
            Error(
                WithLogs($"- {{ name: bob, protocol: nix, signer: two, key: \"{s_key1}\" }}"),
                s => PublicKey(s.Name == "one" ? Key(3) : s_key2)
            )
        );

    [Fact]
    public void Read_of_followed_own_key_is_refused() =>
        Assert.EndsWith(
            "follow[0].key: this is the key of our own log 'alice' (publish[0]); a node does not follow itself",
            Error(
                WithLogs($"follow:\n- {{ builder: bob, protocol: nix, key: \"{s_key1}\", remotes: [http://h] }}"),
                s => PublicKey(s.Name == "one" ? s_key1 : s_key2)
            ),
            StringComparison.Ordinal
        );

    static string Follow(string a, string b) =>
        $"node: {{ state: /s }}\nfollow:\n- {{ {a}, key: \"{s_key1}\", remotes: [http://h] }}\n- {{ {b}, key: \"{s_key1}\", remotes: [http://h] }}\n";

    [Fact]
    public void Read_of_one_key_under_two_builders_is_refused() =>
        Assert.EndsWith(
            "follow[1].key: follow[0] already has this key for builder 'bob'; one key under two builder names would vote twice",
            Error(Follow("builder: bob, protocol: nix", "builder: carol, protocol: nix")),
            StringComparison.Ordinal
        );

    [Fact]
    public void Read_of_one_key_under_two_protocols_is_refused() =>
        Assert.EndsWith(
            "follow[1].key: follow[0] already has this key; a log key belongs to exactly one log and one protocol",
            Error(Follow("builder: bob, protocol: nix", "builder: bob, name: bob-test, protocol: test")),
            StringComparison.Ordinal
        );

    [Fact]
    public void Read_of_one_key_as_log_and_cache_of_another_builder_is_refused() =>
        Assert.EndsWith(
            "follow[1].key: follow[0] already has this key for builder 'bob'; one key under two builder names would vote twice",
            Error(
                $"node: {{ state: /s }}\nfollow:\n- {{ builder: bob, protocol: nix, key: \"{s_key1}\", remotes: [http://h] }}\n- {{ builder: c, protocol: nix, cache: http://c, key: \"c-1:{s_key1}\" }}\n"
            ),
            StringComparison.Ordinal
        );

    [Fact]
    public void Read_of_two_logs_with_one_name_is_refused() =>
        Assert.Contains(
            "the name 'bob' is already used by follow[0]",
            Error(
                $"node: {{ state: /s }}\nfollow:\n- {{ builder: bob, protocol: nix, key: \"{s_key1}\", remotes: [http://h] }}\n- {{ builder: bob, protocol: nix, key: \"{s_key2}\", remotes: [http://h] }}\n"
            ),
            StringComparison.Ordinal
        );

    [Fact]
    public void Read_of_unquoted_rule_in_braces_hints_to_quote_it()
    {
        var error = Error(
            $"node: {{ state: /s }}\nfollow:\n- {{ builder: bob, protocol: nix, key: \"{s_key1}\", remotes: [http://h] }}\ntrust:\n  nix: {{ rule: 1 of (bob, carol, dan) }}\n"
        );

        Assert.Equal(
            "5:16: trust.nix.rule: inside { } a comma ends the value, so the rule was cut; put it in quotes: rule: \"1 of (bob, carol, dan)\"",
            error
        );
    }

    [Fact]
    public void Read_of_trust_without_any_log_is_refused() =>
        Assert.Contains(
            "nobody to count",
            Error("node: { state: /s }\ntrust: { nix: { engines: [{ engine: percentage, minimum: 50 }] } }\n"),
            StringComparison.Ordinal
        );

    [Fact]
    public void Read_of_rule_and_engines_together_is_refused() =>
        Assert.Contains(
            "give either 'rule' or 'engines', not both",
            Error(
                s_full.Replace(
                    "rule: \"2 of (alice, bob, nixos)\"",
                    "rule: alice, engines: [{ engine: percentage, minimum: 50 }]",
                    StringComparison.Ordinal
                )
            ),
            StringComparison.Ordinal
        );

    [Fact]
    public void Read_of_gate_without_trust_model_is_refused() =>
        Assert.Contains(
            "gate.nix: the gate needs a trust model",
            Error(s_full.Replace("trust:\n  nix: { rule: \"2 of (alice, bob, nixos)\" }\n", "", StringComparison.Ordinal)),
            StringComparison.Ordinal
        );

    [Fact]
    public void Read_of_percentage_above_100_is_refused() =>
        Assert.Contains(
            "minimum: must be between 0 and 100",
            Error(
                s_full.Replace(
                    "rule: \"2 of (alice, bob, nixos)\"",
                    "engines: [{ engine: percentage, minimum: 101 }]",
                    StringComparison.Ordinal
                )
            ),
            StringComparison.Ordinal
        );

    [Fact]
    public void Read_of_token_for_unknown_log_is_refused() =>
        Assert.Contains(
            "token 'ci' names the log 'alcie', which is not under 'publish:'; did you mean 'alice'?",
            Error(s_full.Replace("logs: [alice]", "logs: [alcie]", StringComparison.Ordinal)),
            StringComparison.Ordinal
        );

    [Fact]
    public void Read_of_two_tokens_with_one_name_is_refused() =>
        Assert.Contains(
            "two tokens are named 'default'",
            Error(s_full.Replace("\"ci:", "\"default:", StringComparison.Ordinal)),
            StringComparison.Ordinal
        );

    [Fact]
    public void Read_of_unreadable_key_file_is_an_error_at_its_path() =>
        Assert.EndsWith(
            "signers.one.path: no such file",
            Error("node: { state: /s }\nsigners: { one: { path: one.key } }\n", _ => throw new FileNotFoundException("no such file")),
            StringComparison.Ordinal
        );

    [Fact]
    public void ReadFile_of_absent_file_is_a_configuration_error() =>
        Assert.Contains(
            "/nonexistent/quorate.yaml",
            Assert.Throws<ConfigurationException>(() => ConfigurationReader.ReadFile("/nonexistent/quorate.yaml")).Message,
            StringComparison.Ordinal
        );

    [Fact]
    public void Read_of_any_mutation_throws_nothing_but_ConfigurationException() =>
        Prop.ForAll<int, int, byte[]>(
                (at, length, insert) =>
                {
                    var text = s_full;
                    var start = Math.Abs(at % text.Length);
                    var cut = Math.Abs(length % 8);
                    var mutated =
                        text[..start] + System.Text.Encoding.Latin1.GetString(insert ?? []) + text[Math.Min(text.Length, start + cut)..];
                    try
                    {
                        _ = Read(mutated);
                    }
                    catch (ConfigurationException e)
                    {
                        return e.Errors.Count > 0;
                    }
                    return true;
                }
            )
            .QuickCheckThrowOnFailure();

    static Ed25519PublicKey PublicKey(string text) =>
        Ed25519PublicKey.TryParse(text, out var key) ? key : throw new ArgumentException("no key", nameof(text));
}
