using System.Text;
using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Crypto.Keys;
using Quorate.Crypto.Notes;
using Quorate.Nix.Verification;
using Quorate.Sources.Configuration;
using Quorate.Trust.Rules;
using Xunit;

namespace Quorate.Tests.Nix.Verification;

public sealed partial class TraceTrustTests : IDisposable
{
    readonly NixCacheSecretKey[] _keys = [.. Enumerable.Range(0, 4).Select(i => NixCacheSecretKey.Generate($"k{i}"))];
    readonly string _folder = Directory.CreateTempSubdirectory("quorate-trust-").FullName;

    public void Dispose()
    {
        Array.ForEach(_keys, key => key.Dispose());
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Leaves are written <c>K0</c> and <c>L0</c> (legacy).</summary>
    TraceTrust Laut(string text) =>
        // In one pass: a key's base64 may look like a leaf.
        LautTrustFile.Parse(
            Encoding.UTF8.GetBytes(
                Leaf()
                    .Replace(
                        text,
                        leaf =>
                            $$"""{"key{{(leaf.Groups[1].Value == "L" ? "_legacy" : "")}}":"{{_keys[int.Parse(leaf.Groups[2].ValueSpan)].PublicKey}}"}"""
                    )
            )
        );

    [GeneratedRegex(@"\b([KL])(\d)\b", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Leaf();

    [Fact]
    public void Parse_of_a_nested_model_gives_its_predicate()
    {
        var trust = Laut("""{"threshold":2,"of":[K0,{"threshold":1,"of":[K1,K2]}]}""");
        Assert.Equal(["k0", "k1", "k2"], trust.Builders.Select(builder => builder.Name));
        Assert.True(trust.Model.Holds(0b011));
        Assert.True(trust.Model.Holds(0b101));
        Assert.False(trust.Model.Holds(0b110));
        Assert.Equal("2 of (k0, 1 of (k1, k2))", trust.Text);
    }

    [Fact]
    public void Parse_allows_a_legacy_key_in_an_outermost_one_of()
    {
        var trust = Laut("""{"threshold":1,"of":[L0,{"threshold":2,"of":[K1,K2]}]}""");
        Assert.True(trust.UsesLegacyKeys);
        Assert.True(trust.Model.Holds(0b001));
    }

    [Theory]
    [InlineData("""{"threshold":2,"of":[L0,K1]}""", "outermost")]
    [InlineData("""{"threshold":1,"of":[K1,{"threshold":1,"of":[L0,K2]}]}""", "outermost")]
    [InlineData("L0", "outermost")]
    [InlineData("""{"threshold":0,"of":[K0]}""", "impossible")]
    [InlineData("""{"threshold":3,"of":[K0,K1]}""", "impossible")]
    [InlineData("""{"threshold":1.5,"of":[K0,K1]}""", "whole number")]
    [InlineData("""{"threshold":"1","of":[K0]}""", "whole number")]
    [InlineData("""{"threshold":1,"of":[]}""", "list")]
    [InlineData("""{"threshold":1,"of":[K0,{"threshold":1,"of":[K0]}]}""", "twice")]
    [InlineData("""{"threshold":1,"of":[K0],"also":1}""", "nothing else")]
    [InlineData("""{"threshold":1,"threshold":1,"of":[K0]}""", "JSON")]
    [InlineData("""{"key":"k:AAAA"}""", "public key")]
    [InlineData("""[K0]""", "object")]
    [InlineData("", "JSON")]
    public void Parse_of_a_wrong_model_says_what_is_wrong(string text, string problem) =>
        Assert.Contains(problem, Assert.Throws<MalformedException>(() => Laut(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Parse_of_any_text_is_a_model_or_a_named_error() =>
        Prop.ForAll<string, string>(
                (inner, outer) =>
                {
                    try
                    {
                        LautTrustFile.Parse(Encoding.UTF8.GetBytes($$"""{"threshold":1,"of":[{{inner}}]}{{outer}}"""));
                    }
                    catch (MalformedException e)
                    {
                        return e.Message.Length > 0;
                    }
                    return true;
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Parse_of_rules_binds_keys_and_conditions()
    {
        var trust = Rules("2 of (alice, bob) where built", ("alice", "keys", [0, 1]), ("bob", "keys", [2]));
        Assert.True(trust.TryBuilder(_keys[1].PublicKey.Key, out var builder));
        Assert.Equal("alice", builder.Name);
        Assert.Equal("built", Assert.Single(builder.Conditions).ToString());
    }

    [Theory]
    [InlineData("2 of (alice, bob)", "the same public key", 0)]
    [InlineData("alice and carol", "unknown builder", 1)]
    [InlineData("alice and alice", "named twice", 1)]
    [InlineData("alice where witnessed(2)", "witnesses", 1)]
    [InlineData("alice where attested", "not available", 1)]
    public void Parse_of_wrong_rules_says_what_is_wrong(string rule, string problem, int key)
    {
        var e = Assert.Throws<ConfigurationException>(() => Rules(rule, ("alice", "keys", [0]), ("bob", "keys", [key])));
        Assert.Contains(problem, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_of_rules_with_a_legacy_key_inside_a_group_is_refused()
    {
        var e = Assert.Throws<ConfigurationException>(() =>
            Rules("alice and cache", ("alice", "keys", [0]), ("cache", "legacy_keys", [1]))
        );
        Assert.Contains("outermost", e.Message, StringComparison.Ordinal);
        Assert.True(Rules("alice or cache", ("alice", "keys", [0]), ("cache", "legacy_keys", [1])).UsesLegacyKeys);
    }

    [Fact]
    public void Parse_of_rules_binds_Nix_keys_anywhere_in_the_model()
    {
        var trust = Rules("2 of (alice, bob)", ("alice", "nix_keys", [0]), ("bob", "keys", [1]));
        Assert.True(trust.UsesNixSignatures);
        Assert.False(trust.UsesLegacyKeys);
        Assert.DoesNotContain(_keys[0].PublicKey.Key, trust.ClaimKeys);
        Assert.True(trust.TryBuilder(_keys[0].PublicKey.Key, out var builder));
        Assert.Equal(_keys[0].PublicKey, Assert.Single(builder.Keys.NixKeys));
        Assert.False(Rules("bob", ("bob", "keys", [1])).UsesNixSignatures);
    }

    [Fact]
    public void Parse_of_rules_with_one_key_for_Nix_and_for_claims_is_refused()
    {
        var e = Assert.Throws<ConfigurationException>(() => Rules("alice or bob", ("alice", "nix_keys", [0]), ("bob", "keys", [0])));
        Assert.Contains("the same public key", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_of_rules_names_who_vouches_for_a_builders_log()
    {
        var trust = Witnessed("alice where witnessed(2)", "{ require: 1, of: [w0, w1] }");
        var quorum = trust.WitnessesOf(new string('0', 63) + "1");
        Assert.Equal((1, 2), (quorum?.Required, quorum?.Witnesses.Count));
        Assert.Null(trust.WitnessesOf(new string('0', 64)));
    }

    [Theory]
    [InlineData("alice where witnessed(3)", "{ require: 1, of: [w0, w1] }", "witnesses")]
    [InlineData("alice", "{ require: 3, of: [w0, w1] }", "a number from 1 to 2")]
    [InlineData("alice", "{ require: 0, of: [w0, w1] }", "a number from 1 to 2")]
    [InlineData("alice", "{ require: 1, of: [w0, w0] }", "named twice")]
    [InlineData("alice", "{ require: 1, of: [w9] }", "unknown witness")]
    [InlineData("alice", "{ require: 1, of: [] }", "no witnesses")]
    [InlineData("alice", "{ of: [w0] }", "'require' is missing")]
    [InlineData("alice", "2", "mapping")]
    public void Parse_of_wrong_witnesses_says_what_is_wrong(string rule, string witnesses, string problem) =>
        Assert.Contains(problem, Assert.Throws<ConfigurationException>(() => Witnessed(rule, witnesses)).Message, StringComparison.Ordinal);

    [Fact]
    public void Parse_of_one_witness_key_under_two_names_is_refused() =>
        Assert.Contains(
            "count twice",
            Assert.Throws<ConfigurationException>(() => Witnessed("alice", "{ require: 1, of: [w0] }", second: "w0")).Message,
            StringComparison.Ordinal
        );

    [Theory]
    [InlineData("""{"key":"k:x"}""", TraceTrustFile.Kind.Json)]
    [InlineData("""{"rule":"a","builders":{}}""", TraceTrustFile.Kind.Rules)]
    [InlineData("# who\nrule: a or b\nbuilders: {}", TraceTrustFile.Kind.Rules)]
    [InlineData("builders:\n  a: {}\nrule: a", TraceTrustFile.Kind.Rules)]
    [InlineData("{\"key\":\"k:x\",", TraceTrustFile.Kind.Json)]
    [InlineData("{ threshold = 2; of = [ { key = \"k:x\"; } ]; }", TraceTrustFile.Kind.Nix)]
    [InlineData("let rule = 1; in { key = \"k:x\"; }", TraceTrustFile.Kind.Nix)]
    public void Kind_follows_from_the_content(string text, object kind) =>
        Assert.Equal(kind, TraceTrustFile.KindOf(Encoding.UTF8.GetBytes(text)));

    [Fact]
    public async Task Read_of_a_Nix_file_reads_what_it_evaluates_to()
    {
        var file = Path.Combine(_folder, "trust");
        await File.WriteAllTextAsync(file, "{ key = import ./key.nix; }", TestContext.Current.CancellationToken);
        var trust = await TraceTrustFile.ReadAsync(
            file,
            (path, _) => Task.FromResult(Encoding.UTF8.GetBytes($$"""{"key":"{{_keys[0].PublicKey}}"}""")),
            TestContext.Current.CancellationToken
        );
        Assert.Equal("k0", Assert.Single(trust.Builders).Name);
    }

    [Fact]
    public void Meets_of_conditions_on_a_log_looks_at_the_builders_own_log()
    {
        var at = new LogStanding("own", 4, DateTimeOffset.UnixEpoch, 2, DateTimeOffset.UnixEpoch);
        bool Meets(VoteCondition condition, string? own, bool? built = null) =>
            new TraceSighting("source", at).In(own).Meets(condition, built, DateTimeOffset.UnixEpoch + TimeSpan.FromHours(1));

        Assert.True(Meets(new VoteCondition.Logged(), "own"));
        Assert.False(Meets(new VoteCondition.Logged(), "other"));
        Assert.False(Meets(new VoteCondition.Logged(), null));
        Assert.True(Meets(new VoteCondition.UntilIndex("log", "own", 5), "own"));
        Assert.False(Meets(new VoteCondition.UntilIndex("log", "own", 4), "own"));
        Assert.True(Meets(new VoteCondition.Witnessed(2), "own"));
        Assert.False(Meets(new VoteCondition.Witnessed(3), "own"));
        Assert.False(Meets(new VoteCondition.Before(DateTimeOffset.UnixEpoch), "own"));
        Assert.True(Meets(new VoteCondition.Fresh(TimeSpan.FromHours(1)), "own"));
        Assert.False(Meets(new VoteCondition.Fresh(TimeSpan.FromMinutes(59)), "own"));
        Assert.True(Meets(new VoteCondition.Built(), null, built: true));
        Assert.False(Meets(new VoteCondition.Built(), "own", built: null));
    }

    /// <summary>Witnesses <c>w0</c> and <c>w1</c>, and a builder with a log.</summary>
    /// <param name="second">The name of the second one's key.</param>
    TraceTrust Witnessed(string rule, string witnesses, string second = "w1")
    {
        string Key(string name) => NoteVerifierKey.Cosignature($"{name}.example", _keys[name == "w0" ? 0 : 1].PublicKey.Key).ToString();
        return TraceTrustFile.Parse(
            $"""
            rule: "{rule}"
            witnesses:
              w0: {"{"} key: "{Key("w0")}" {"}"}
              w1: {"{"} key: "{Key(second)}" {"}"}
            builders:
              alice:
                keys: ["{_keys[2].PublicKey}"]
                log: "{new string('0', 63)}1"
                witnesses: {witnesses}
            """,
            "trust.yaml"
        );
    }

    TraceTrust Rules(string rule, params (string Name, string Kind, int[] Keys)[] builders) =>
        TraceTrustFile.Parse(
            $"rule: \"{rule}\"\nbuilders:\n"
                + string.Concat(
                    builders.Select(b =>
                        $"  {b.Name}:\n    {b.Kind}: [{string.Join(", ", b.Keys.Select(k => $"\"{_keys[k].PublicKey}\""))}]\n"
                    )
                ),
            "trust.yaml"
        );
}
