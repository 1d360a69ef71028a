using System.Net;
using System.Text;
using System.Text.Json;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Crypto.Notes;
using Quorate.Log;
using Quorate.Log.Tiles;
using Quorate.Log.Witnessing;
using Quorate.Testing;
using Xunit;

namespace Quorate.Tests.Node;

/// <summary>Whole nodes that witness each other's logs.</summary>
public sealed class WitnessNodeTests
{
    const string Origin = "bob.example/logs/bob";
    const byte BobSeed = 2;

    static string LogKey => NoteVerifierKey.Ed25519(Origin, Key(BobSeed)).ToString();

    static string WitnessKey(byte seed) => NoteVerifierKey.Cosignature($"w{seed}.example", Key(seed)).ToString();

    static Ed25519PublicKey Key(byte seed)
    {
        Assert.True(Ed25519PublicKey.TryParse(TestNode.PublicKey(seed), out var key));
        return key;
    }

    static Task<TestNode> WitnessAsync(byte seed, string? log = null, TimeProvider? time = null) =>
        TestNode.StartAsync(
            $$"""
            signers: { wit: { path: wit.key } }
            witness: { name: w{{seed}}.example, signer: wit, logs: ["{{log ?? LogKey}}"] }
            """,
            new Dictionary<string, byte> { ["wit.key"] = seed },
            time: time
        );

    static string Witnesses(params (int Seed, string Url)[] witnesses) =>
        "witnesses:\n"
        + string.Concat(witnesses.Select(w => $"  w{w.Seed}: {{ key: \"{WitnessKey((byte)w.Seed)}\", url: \"{w.Url}\" }}\n"));

    static string Bob(string witnesses, string more = "") =>
        $$"""
            signers: { bob: { path: bob.key } }
            {{witnesses}}
            publish:
            - name: bob
              protocol: test
              signer: bob
              origin: {{Origin}}
              witnesses: { require: 2, of: [w11, w12, w13]{{more}} }
            """;

    static Dictionary<string, byte> BobKey => new() { ["bob.key"] = BobSeed };

    static string LogIdText => LogId.Compute(Protocol.Test, Key(BobSeed)).Text;

    static async Task<PublishedCheckpoint?> CheckpointAsync(TestNode node)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(30) };
        using var response = await http.GetAsync(
            new Uri(node.PublicUrl, $"/logs/{LogIdText}/checkpoint"),
            TestContext.Current.CancellationToken
        );
        if (response.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }
        var note = SignedNote.Parse(await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        return new PublishedCheckpoint(note, Checkpoint.Parse(note.Text.Span));
    }

    static Task UntilPublishedAsync(TestNode node, ulong size) =>
        TestNode.UntilAsync(async () => (await CheckpointAsync(node))?.Checkpoint.Size == size, $"a checkpoint of size {size}");

    static IReadOnlyList<string> Cosigners(PublishedCheckpoint checkpoint) =>
        [
            .. NoteCheck
                .Of(checkpoint.Note, new byte[] { 11, 12, 13 }.Select(seed => NoteVerifierKey.Parse(WitnessKey(seed))))
                .Signatures.Select(s => s.Key.Name)
                .Order(StringComparer.Ordinal),
        ];

    [Fact]
    public async Task Log_with_two_of_three_witnesses_is_published_while_one_is_down_and_seen_fresh_by_its_follower()
    {
        await using var first = await WitnessAsync(11);
        await using var second = await WitnessAsync(12);
        var third = await WitnessAsync(13);
        var witnesses = Witnesses((11, first.PublicUrl.ToString()), (12, second.PublicUrl.ToString()), (13, third.PublicUrl.ToString()));
        await third.DisposeAsync();
        await using var bob = await TestNode.StartAsync(Bob(witnesses), BobKey);
        await bob.SubmitAsync("bob", [("a", "1"), ("b", "2")]);
        await UntilPublishedAsync(bob, 2);

        Assert.Equal(["w11.example", "w12.example"], Cosigners((await CheckpointAsync(bob))!));

        await using var consumer = await TestNode.StartAsync(
            $$"""
            {{witnesses}}
            follow:
            - builder: bob
              protocol: test
              key: "{{TestNode.PublicKey(BobSeed)}}"
              remotes: ["{{bob.PublicUrl}}"]
              poll: 1h
              witnesses: { require: 2, of: [w11, w12, w13] }
            trust: { test: { rule: bob where witnessed(2) where fresh("1h") } }
            """
        );
        await consumer.SyncAsync("bob");

        var decision = await consumer.DecideAsync("test", "a");
        Assert.True(decision.GetProperty("verdict").GetString() == "accepted", decision.GetRawText());
        var status = (await consumer.GetAsync("/v1/logs")).GetProperty("followed")[0].GetProperty("status");
        Assert.False(status.GetProperty("stale").GetBoolean());
        Assert.Equal([2UL, 2UL], status.GetProperty("witnessedSizes").EnumerateArray().Select(s => s.GetUInt64()));
    }

    [Fact]
    public async Task Cosignature_by_a_witness_whose_clock_is_fast_vouches_for_the_time_when_it_was_first_seen()
    {
        await using var witness = await WitnessAsync(11, time: new ShiftedTime { By = TimeSpan.FromHours(5) });
        var witnesses = Witnesses((11, witness.PublicUrl.ToString()));
        await using var bob = await TestNode.StartAsync(
            $$"""
            signers: { bob: { path: bob.key } }
            {{witnesses}}
            publish:
            - { name: bob, protocol: test, signer: bob, origin: {{Origin}}, witnesses: { require: 1, of: [w11] } }
            """,
            BobKey
        );
        await bob.SubmitAsync("bob", [("a", "1")]);
        await UntilPublishedAsync(bob, 1);
        var clock = new ShiftedTime();
        await using var consumer = await TestNode.StartAsync(
            $$"""
            {{witnesses}}
            follow:
            - builder: bob
              protocol: test
              key: "{{TestNode.PublicKey(BobSeed)}}"
              remotes: ["{{bob.PublicUrl}}"]
              poll: 1h
              witnesses: { require: 1, of: [w11] }
              stale_after: 1h
            """,
            time: clock
        );
        await consumer.SyncAsync("bob");
        Assert.False(await IsStaleAsync());

        // Two hours later the remote shows the same cosignature still, which the witness's clock dates later than that.
        clock.By = TimeSpan.FromHours(2);
        await consumer.SyncAsync("bob");
        Assert.True(await IsStaleAsync());

        async Task<bool> IsStaleAsync() =>
            (await consumer.GetAsync("/v1/logs")).GetProperty("followed")[0].GetProperty("status").GetProperty("stale").GetBoolean();
    }

    sealed class ShiftedTime : TimeProvider
    {
        public TimeSpan By { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + By;
    }

    [Fact]
    public async Task Log_whose_quorum_is_not_met_keeps_the_older_checkpoint_and_takes_entries_all_the_same()
    {
        await using var first = await WitnessAsync(11);
        var second = await WitnessAsync(12);
        var witnesses = Witnesses((11, first.PublicUrl.ToString()), (12, second.PublicUrl.ToString()), (13, "http://127.0.0.1:1"));
        await using var bob = await TestNode.StartAsync(Bob(witnesses), BobKey);
        await bob.SubmitAsync("bob", [("a", "1")]);
        await UntilPublishedAsync(bob, 1);
        await second.DisposeAsync();

        await bob.SubmitAsync("bob", [("b", "2")]);
        await TestNode.UntilAsync(
            () => Task.FromResult(bob.LogLines.Any(l => l.Contains("w12:", StringComparison.Ordinal))),
            "a fault of w12"
        );

        Assert.Equal(1UL, (await CheckpointAsync(bob))!.Checkpoint.Size);
        Assert.Equal(2UL, (await bob.GetAsync("/v1/logs/bob/head")).GetProperty("treeSize").GetUInt64());
        await bob.RestartAsync();
        Assert.Equal(1UL, (await CheckpointAsync(bob))!.Checkpoint.Size);
        Assert.Equal(["w11.example", "w12.example"], Cosigners((await CheckpointAsync(bob))!));
    }

    [Fact]
    public async Task Log_that_publishes_unwitnessed_does_so_without_a_quorum()
    {
        var witnesses = Witnesses((11, "http://127.0.0.1:1"), (12, "http://127.0.0.1:1"), (13, "http://127.0.0.1:1"));
        await using var bob = await TestNode.StartAsync(Bob(witnesses, ", on_failure: publish-unwitnessed"), BobKey);
        await bob.SubmitAsync("bob", [("a", "1")]);
        await UntilPublishedAsync(bob, 1);
    }

    [Fact]
    public async Task Witness_that_lies_counts_for_nothing()
    {
        await using var first = await WitnessAsync(11);
        var second = await WitnessAsync(12);
        // It cosigns with another key than the one that it is known by.
        await using var liar = await WitnessAsync(14);
        var witnesses = Witnesses((11, first.PublicUrl.ToString()), (12, second.PublicUrl.ToString()), (13, liar.PublicUrl.ToString()));
        await using var bob = await TestNode.StartAsync(Bob(witnesses), BobKey);
        await bob.SubmitAsync("bob", [("a", "1")]);
        await UntilPublishedAsync(bob, 1);

        Assert.DoesNotContain(
            Encoding.UTF8.GetString((await CheckpointAsync(bob))!.Note.Bytes.Span),
            "w14.example",
            StringComparison.Ordinal
        );
        Assert.Contains(
            bob.LogLines,
            line => line.Contains("w13: what it sent as its cosignature is not by its key", StringComparison.Ordinal)
        );
        // With another one down the liar is not needed any less: nothing new comes out.
        await second.DisposeAsync();
        await bob.SubmitAsync("bob", [("b", "2")]);
        await TestNode.UntilAsync(
            () => Task.FromResult(bob.LogLines.Any(l => l.Contains("w12:", StringComparison.Ordinal))),
            "a fault of w12"
        );
        Assert.Equal(1UL, (await CheckpointAsync(bob))!.Checkpoint.Size);
    }

    [Fact]
    public async Task Log_restored_from_an_old_backup_does_not_start_when_a_witness_remembers_more()
    {
        await using var first = await WitnessAsync(11);
        await using var second = await WitnessAsync(12);
        var witnesses = Witnesses((11, first.PublicUrl.ToString()), (12, second.PublicUrl.ToString()), (13, "http://127.0.0.1:1"));
        var bob = await TestNode.StartAsync(Bob(witnesses), BobKey);
        await bob.SubmitAsync("bob", [("a", "1")]);
        await UntilPublishedAsync(bob, 1);
        await bob.DisposeAsync();

        // Nothing is left of the old state; only the key was kept.
        var failure = await Assert.ThrowsAsync<Quorate.Node.Hosting.StartException>(() => TestNode.StartAsync(Bob(witnesses), BobKey));

        Assert.Contains("restored from an old backup", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Monitor_is_given_what_the_witness_cosigned_last()
    {
        await using var first = await WitnessAsync(11);
        await using var second = await WitnessAsync(12);
        var witnesses = Witnesses((11, first.PublicUrl.ToString()), (12, second.PublicUrl.ToString()), (13, "http://127.0.0.1:1"));
        await using var bob = await TestNode.StartAsync(Bob(witnesses), BobKey);
        await bob.SubmitAsync("bob", [("a", "1")]);
        await UntilPublishedAsync(bob, 1);
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(30) };

        var note = SignedNote.Parse(
            await http.GetByteArrayAsync(
                new Uri(first.PublicUrl, $"/{CheckpointWitness.HashOf(Origin)}/checkpoint"),
                TestContext.Current.CancellationToken
            )
        );

        Assert.Equal(2, NoteCheck.Of(note, [NoteVerifierKey.Parse(LogKey), NoteVerifierKey.Parse(WitnessKey(11))]).Signatures.Count);
        using var unknown = await http.GetAsync(
            new Uri(first.PublicUrl, $"/{new string('0', 64)}/checkpoint"),
            TestContext.Current.CancellationToken
        );
        Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
    }

    [Fact]
    public async Task Log_that_showed_a_witness_another_history_is_caught_and_told_of()
    {
        using var hook = new HttpListener();
        var port = FreePort();
        hook.Prefixes.Add($"http://127.0.0.1:{port}/");
        hook.Start();
        var told = hook.GetContextAsync();
        await using var witness = await WitnessAsync(11);
        var witnesses = Witnesses((11, witness.PublicUrl.ToString()));
        await using var bob = await TestNode.StartAsync(
            $$"""
            signers: { bob: { path: bob.key } }
            publish: [{ name: bob, protocol: test, signer: bob, origin: {{Origin}} }]
            """,
            BobKey
        );
        await bob.SubmitAsync("bob", [("a", "1")]);
        await CosignForkAsync(witness);

        await using var consumer = await TestNode.StartAsync(
            $$"""
            node:
              state: {dir}/state
              control: unix://{dir}/c.sock
              webhook: http://127.0.0.1:{{port}}/hook?secret=1
            {{witnesses}}
            follow:
            - builder: bob
              protocol: test
              key: "{{TestNode.PublicKey(BobSeed)}}"
              remotes: ["{{bob.PublicUrl}}"]
              poll: 1h
              origin: {{Origin}}
              witnesses: { require: 1, of: [w11] }
            """
        );
        await consumer.SyncAsync("bob");

        var answer = await consumer.GetAsync("/v1/logs/bob/misbehaviour");
        Assert.Equal("two-log-roots", answer.GetProperty("kind").GetString());
        var proof = MisbehaviourProof.Parse(answer.GetProperty("proof").GetBytesFromBase64(), out _);
        Assert.Equal(Verification.Ok, proof.Verify(new LogIdentity(Protocol.Test, Key(BobSeed))));
        var context = await told.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        using var body = await JsonDocument.ParseAsync(context.Request.InputStream, default, TestContext.Current.CancellationToken);
        Assert.Equal("misbehaviour", body.RootElement.GetProperty("event").GetString());
        Assert.Equal(answer.GetProperty("proof").GetString(), body.RootElement.GetProperty("proof").GetString());
        context.Response.Close();
    }

    /// <summary>Shows the witness a first entry that is not bob's, under bob's key.</summary>
    static async Task CosignForkAsync(TestNode witness)
    {
        using var key = Ed25519PrivateKey.FromSeed([.. Enumerable.Repeat(BobSeed, Ed25519PrivateKey.SeedSize)]);
        var text = new Checkpoint(Origin, 1, Sha256Digest.HashData([1])).ToText();
        var note = SignedNote.Create(text, [new NoteSigner(Origin, key).Sign(text)]);
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(30) };
        using var content = new ByteArrayContent(new AddCheckpointRequest(0, [], note).ToBytes());
        using var response = await http.PostAsync(
            new Uri(witness.PublicUrl, "/add-checkpoint"),
            content,
            TestContext.Current.CancellationToken
        );
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    static int FreePort()
    {
        using var listener = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
