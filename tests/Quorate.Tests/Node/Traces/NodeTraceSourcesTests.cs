using Quorate.Core;
using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Crypto.Notes;
using Quorate.Log;
using Quorate.Log.Tiles;
using Quorate.Log.Witnessing;
using Quorate.Nix.Traces;
using Quorate.Nix.Verification;
using Quorate.Node.Configuration;
using Quorate.Node.Logs;
using Quorate.Node.Traces;
using Quorate.Sources.Traces;
using Quorate.Tests.Gates;
using Quorate.Tests.Nix.Traces;
using Quorate.Trust.Rules;
using Xunit;

namespace Quorate.Tests.Node.Traces;

/// <summary>What a node says of the place of a claim in a log that it follows, to a trust model that names witnesses itself.</summary>
public sealed class NodeTraceSourcesTests
{
    static readonly DateTimeOffset s_seen = new(2026, 5, 1, 0, 0, 0, TimeSpan.Zero);
    static readonly DateTimeOffset s_fresh = new(2026, 6, 1, 0, 0, 0, TimeSpan.Zero);
    static readonly byte[] s_claim = TraceScene.Claim(TraceSamples.Key, TraceScene.A, ("out", TraceScene.AOut), ("dev", TraceScene.ADev));

    static readonly NoteVerifierKey[] s_witnesses =
    [
        .. Enumerable.Range(1, 3).Select(i => NoteVerifierKey.Cosignature($"w{i}.example", Key((byte)i))),
    ];

    [Fact]
    public async Task StandingOf_under_the_same_witnesses_is_what_the_node_knows()
    {
        var standing = await StandingAsync(Node(2, 0, 1), Model(2, 1, 0));

        Assert.Equal((4UL, s_seen, 1, s_fresh), (standing.Index, standing.FirstSeen, standing.Witnesses, standing.FreshAt));
    }

    [Theory]
    [InlineData(1, 0, 1)]
    [InlineData(2, 0, 2)]
    [InlineData(1, 0)]
    public async Task StandingOf_under_other_witnesses_or_another_number_is_unknown(int require, params int[] witnesses)
    {
        var standing = await StandingAsync(Node(2, 0, 1), Model(require, witnesses));

        Assert.Equal((null, 0, null), (standing.FirstSeen, standing.Witnesses, standing.FreshAt));
        Assert.NotNull(standing.Unknown);
    }

    [Fact]
    public async Task StandingOf_where_the_node_asks_no_witnesses_is_unknown() =>
        Assert.NotNull((await StandingAsync(null, Model(1, 0))).Unknown);

    static async Task<LogStanding> StandingAsync(WitnessPolicySection? node, WitnessQuorum model)
    {
        var log = new WitnessedLog(node);
        var keys = new TraceBuilderKeys([new NixCachePublicKey("amy-1", TraceSamples.Key.PublicKey)], [])
        {
            LogId = log.Identity.Id.Text,
            Witnesses = model,
        };
        var trust = TraceTrust.Create(new TrustModel.Key("amy"), new Dictionary<string, TraceBuilderKeys> { ["amy"] = keys });
        var source = NodeTraceSources.Of(log, trust);
        await source.FindAsync(TraceScene.A.Hash, TestContext.Current.CancellationToken);
        return Assert.IsAssignableFrom<ITraceStandings>(source).StandingOf(s_claim)!;
    }

    static WitnessQuorum Model(int require, params int[] witnesses) => new(require, [.. witnesses.Select(i => s_witnesses[i])]);

    static WitnessPolicySection Node(int require, params int[] witnesses)
    {
        WitnessSection[] sections = [.. witnesses.Select(i => new WitnessSection($"w{i}", s_witnesses[i], null, null))];
        return new WitnessPolicySection(
            sections,
            new TlogPolicy(
                [],
                [.. sections.Select(witness => new PolicyWitness(witness.Name, witness.Key, null))],
                [new PolicyGroup("all", require, [.. sections.Select(witness => witness.Name)])],
                "all"
            ),
            UnwitnessedMode.Wait
        );
    }

    static Ed25519PublicKey Key(byte seed)
    {
        var bytes = new byte[Ed25519PrivateKey.SeedSize];
        bytes[0] = seed;
        using var key = Ed25519PrivateKey.FromSeed(bytes);
        return key.PublicKey;
    }

    /// <summary>Followed by query; its entry 4 is the claim, which one witness has seen.</summary>
    sealed class WitnessedLog(WitnessPolicySection? witnesses) : IFollowedLog
    {
        public FollowSection Section { get; } =
            new()
            {
                Name = "amy",
                Builder = "amy",
                Protocol = Protocol.NixTrace,
                Key = Key(9),
                Witnesses = witnesses,
                ClaimKeys = [new ClaimKeySection("amy-1", TraceSamples.Key.PublicKey)],
            };

        public LogIdentity Identity => Section.Identity!;

        public SubscriptionStatus Status { get; } = new(s_fresh, s_fresh, null, null, 0);

        public ILogView? Mirror => null;

        public LogHead? Head => null;

        public Quorate.Node.Witness.LogStanding Standing { get; } = new([5, 3], s_fresh);

        public Task<KeyLookup> LookupAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken) =>
            Task.FromResult<KeyLookup>(
                new KeyLookup.Found([new LogEntry(4, key, Sha256Digest.HashData(s_claim), default)], [s_claim], 5, s_seen)
            );
    }
}
