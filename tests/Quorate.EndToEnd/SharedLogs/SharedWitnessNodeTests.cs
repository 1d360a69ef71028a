using System.Net;
using Quorate.Crypto;
using Quorate.Crypto.Notes;
using Quorate.Log;
using Quorate.Log.Tiles;
using Quorate.Node.Hosting;
using Quorate.Postgres;
using Quorate.Testing;
using Quorate.Testing.Postgres;

namespace Quorate.EndToEnd.SharedLogs;

/// <summary>Nodes that share a witnessed log in a real database, and the witness.</summary>
public sealed class SharedWitnessNodeTests
{
    const string Origin = "shared.example/log";
    const byte LogSeed = 7;
    const byte WitnessSeed = 9;

    static readonly Dictionary<string, byte> s_key = new(StringComparer.Ordinal) { ["log.key"] = LogSeed };

    [Fact]
    public async Task Witnessed_checkpoint_is_served_by_all_nodes_and_goes_on_when_the_sequencer_ends()
    {
        var settings = await PostgresServer.NewSchemaAsync();
        await using var witness = await WitnessAsync();
        var first = await TestNode.StartAsync(Configuration(settings, witness.PublicUrl), s_key);
        await using var second = await TestNode.StartAsync(Configuration(settings, witness.PublicUrl), s_key);
        await second.SubmitAsync("shared", ("a", "1"));
        await UntilShownAsync(1, first, second);
        Assert.Equal(await BytesAsync(first), await BytesAsync(second));

        await first.DisposeAsync();
        await second.SubmitAsync("shared", ("b", "2"));
        await UntilShownAsync(2, second);
        await using var third = await TestNode.StartAsync(Configuration(settings, witness.PublicUrl), s_key);
        await UntilShownAsync(2, third);
    }

    [Fact]
    public async Task Database_restored_from_before_what_a_witness_saw_is_refused()
    {
        var settings = await PostgresServer.NewSchemaAsync();
        await using var witness = await WitnessAsync();
        await using (var node = await TestNode.StartAsync(Configuration(settings, witness.PublicUrl), s_key))
        {
            await node.SubmitAsync("shared", ("a", "1"));
            await UntilShownAsync(1, node);
        }
        // A backup from when the log was empty, and a machine that never saw it.
        await PostgresServer.ExecuteAsync(settings, "DELETE FROM quorate_frame WHERE frame > 1");
        await PostgresServer.ExecuteAsync(settings, "DELETE FROM quorate_checkpoint");
        await PostgresServer.ExecuteAsync(settings, "UPDATE quorate_log SET next_frame = 2");
        var refused = await Assert.ThrowsAsync<StartException>(() =>
            TestNode.StartAsync(Configuration(settings, witness.PublicUrl), s_key)
        );
        Assert.Contains("old backup", refused.Message, StringComparison.Ordinal);
        Assert.Equal(2L, await PostgresServer.ExecuteAsync(settings, "SELECT next_frame FROM quorate_log"));
    }

    [Fact]
    public async Task Tables_of_the_first_version_are_made_complete()
    {
        var settings = await PostgresServer.NewSchemaAsync();
        await using var witness = await WitnessAsync();
        await using (var node = await TestNode.StartAsync(Configuration(settings, null), s_key))
        {
            await node.SubmitAsync("shared", ("a", "1"));
        }
        await PostgresServer.ExecuteAsync(settings, "DROP TABLE quorate_checkpoint");
        await PostgresServer.ExecuteAsync(settings, "UPDATE quorate_schema SET version = 1");
        await using var upgraded = await TestNode.StartAsync(Configuration(settings, witness.PublicUrl), s_key);
        await UntilShownAsync(1, upgraded);
        Assert.Equal(2, await PostgresServer.ExecuteAsync(settings, "SELECT version FROM quorate_schema"));
    }

    [Fact]
    public async Task Checkpoint_is_kept_by_the_sequencer_alone_and_never_goes_back()
    {
        var settings = await PostgresServer.NewSchemaAsync();
        var token = TestContext.Current.CancellationToken;
        var log = LogId.Compute(Core.Protocol.Test, Key(LogSeed));
        await using var holder = await PostgresStorage.OpenAsync(settings, log, token);
        await using var other = await PostgresStorage.OpenAsync(settings, log, token);
        Assert.Null(await holder.CheckpointAsync(token));
        Assert.False(await holder.KeepCheckpointAsync(1, "one"u8.ToArray(), token));
        Assert.True(await holder.TryTakeLeaseAsync(TimeSpan.FromMinutes(1), token));
        Assert.True(await holder.KeepCheckpointAsync(2, "two"u8.ToArray(), token));
        Assert.False(await other.KeepCheckpointAsync(3, "three"u8.ToArray(), token));
        Assert.False(await holder.KeepCheckpointAsync(1, "one"u8.ToArray(), token));
        Assert.True(await holder.KeepCheckpointAsync(2, "two again"u8.ToArray(), token));
        Assert.Equal("two again"u8.ToArray(), (await other.CheckpointAsync(token))!.Value.ToArray());
    }

    static Task<TestNode> WitnessAsync() =>
        TestNode.StartAsync(
            $$"""
            signers: { wit: { path: wit.key } }
            witness: { name: w.example, signer: wit, logs: ["{{NoteVerifierKey.Ed25519(Origin, Key(LogSeed))}}"] }
            """,
            new Dictionary<string, byte>(StringComparer.Ordinal) { ["wit.key"] = WitnessSeed }
        );

    static string Configuration(PostgresSettings settings, Uri? witness)
    {
        var witnesses = witness is null
            ? ""
            : $"witnesses: {{ w: {{ key: \"{NoteVerifierKey.Cosignature("w.example", Key(WitnessSeed))}\", url: \"{witness}\" }} }}";
        return $$"""
            signers: { a: { path: log.key } }
            {{witnesses}}
            publish:
            - name: shared
              protocol: test
              signer: a
              origin: {{Origin}}
              storage: { type: postgres, connection: "{{settings.Connection}}", lease: 2s }
              {{(witness is null ? "" : "witnesses: { require: 1, of: [w] }")}}
            """;
    }

    static Ed25519PublicKey Key(byte seed)
    {
        Assert.True(Ed25519PublicKey.TryParse(TestNode.PublicKey(seed), out var key));
        return key;
    }

    static Task UntilShownAsync(ulong size, params IReadOnlyList<TestNode> nodes) =>
        TestNode.UntilAsync(
            async () =>
            {
                foreach (var node in nodes)
                {
                    if (await BytesAsync(node) is not { } bytes || Checkpoint.Parse(SignedNote.Parse(bytes).Text.Span).Size != size)
                    {
                        return false;
                    }
                }
                return true;
            },
            $"a checkpoint of size {size}"
        );

    static async Task<byte[]?> BytesAsync(TestNode node)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(30) };
        var id = LogId.Compute(Core.Protocol.Test, Key(LogSeed));
        using var response = await http.GetAsync(new Uri(node.PublicUrl, $"/logs/{id}/checkpoint"), TestContext.Current.CancellationToken);
        return response.StatusCode == HttpStatusCode.NotFound
            ? null
            : await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
    }
}
