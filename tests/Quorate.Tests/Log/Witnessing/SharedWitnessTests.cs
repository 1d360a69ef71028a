using Quorate.Crypto.Notes;
using Quorate.Log.Sharing;
using Quorate.Log.Tiles;
using Quorate.Log.Witnessing;
using Quorate.Testing;
using Quorate.Testing.Logs;
using Xunit;

namespace Quorate.Tests.Log.Witnessing;

/// <summary>The witnesses of a log that several nodes share. With a real database: Quorate.EndToEnd/SharedLogs.</summary>
public sealed class SharedWitnessTests : IDisposable
{
    const string Origin = "log.example/logs/a";

    static readonly SharedLogOptions s_quick = new()
    {
        Lease = TimeSpan.FromMilliseconds(300),
        FollowInterval = TimeSpan.FromMilliseconds(5),
        QueueInterval = TimeSpan.FromMilliseconds(2),
        RetryInterval = TimeSpan.FromMilliseconds(5),
        AwaitsWitnesses = true,
    };

    readonly LogFixture _fixture = new();
    readonly MemoryDatabase _database = new();
    readonly FakeWitness _witness;
    int _nodes;

    public SharedWitnessTests() =>
        _witness = new FakeWitness(1, NoteVerifierKey.Ed25519(Origin, _fixture.Key.PublicKey), TimeProvider.System);

    public void Dispose()
    {
        _witness.Dispose();
        _fixture.Dispose();
    }

    [Fact]
    public async Task Checkpoint_that_the_sequencer_had_witnessed_is_shown_by_every_node()
    {
        await using var first = await NodeAsync();
        await using var second = await NodeAsync();
        await second.Log.SubmitAsync("a", "1");
        await UntilAsync(() => first.Size == 1 && second.Size == 1);
        Assert.Equal(first.Publication.Current!.Note.Bytes.ToArray(), second.Publication.Current!.Note.Bytes.ToArray());
        Assert.Single(second.Publication.Cosignatures);
    }

    [Fact]
    public async Task Node_that_follows_asks_no_witness()
    {
        await using var first = await NodeAsync();
        using var unasked = new FakeWitness(2, first.Log.VerifierKey, TimeProvider.System);
        await using var second = await NodeAsync(witnesses: [_witness, unasked]);
        var before = unasked.Inner.Latest(CheckpointWitness.HashOf(Origin));
        await first.Log.SubmitAsync("a", "1");
        await UntilAsync(() => second.Size == 1);
        Assert.Same(before, unasked.Inner.Latest(CheckpointWitness.HashOf(Origin)));
    }

    [Fact]
    public async Task Node_that_takes_the_lease_over_goes_on_publishing()
    {
        var connection = _database.Connect();
        await using var first = await NodeAsync(connection);
        await using var second = await NodeAsync();
        await first.Log.SubmitAsync("a", "1");
        await UntilAsync(() => second.Size == 1);
        // As if killed.
        connection.IsDown = true;
        await second.Log.SubmitAsync("b", "2");
        await UntilAsync(() => second.Size == 2);
        Assert.Equal(1UL, first.Size);
        connection.IsDown = false;
        await UntilAsync(() => first.Size == 2);
        Assert.Equal((null, null), (first.Publication.Incident, first.Log.Failure));
    }

    [Fact]
    public async Task Node_whose_copy_lags_takes_the_checkpoint_of_another_for_the_logs_own()
    {
        await using var first = await NodeAsync();
        await using var lagging = await OpenAsync(s_quick with { FollowInterval = TimeSpan.FromHours(1) });
        await first.Log.SubmitAsync("a", "1");
        await UntilAsync(() => first.Size == 1);
        Assert.Equal(0UL, lagging.Head.TreeSize);
        await using var publication = await PublishAsync(lagging, [_witness]);
        Assert.Equal(1UL, publication.Current?.Checkpoint.Size);
    }

    [Fact]
    public async Task Lagging_node_that_asks_a_witness_takes_its_answer_for_no_strangers()
    {
        await using var first = await NodeAsync();
        await using var lagging = await OpenAsync(s_quick with { FollowInterval = TimeSpan.FromHours(1) });
        await first.Log.SubmitAsync("a", "1");
        await UntilAsync(() => first.Size == 1);
        _database.ForgetCheckpoint();
        // What the witness has is all that this node can know of it.
        await using var publication = await PublishAsync(lagging, [_witness]);
        Assert.Equal(1UL, lagging.Head.TreeSize);
    }

    [Fact]
    public async Task Older_checkpoint_never_replaces_a_newer_one()
    {
        await using var node = await NodeAsync();
        await node.Log.SubmitAsync("a", "1");
        await UntilAsync(() => node.Size == 1);
        var older = node.Log.CheckpointAt(0);
        Assert.False(await node.Log.WitnessedCheckpoint.WriteAsync(older, TestContext.Current.CancellationToken));
        _database.ReplaceCheckpoint(older.Note.Bytes);
        await node.Log.SubmitAsync("b", "2");
        await UntilAsync(() => node.Size == 2);
    }

    [Fact]
    public async Task Database_that_was_set_back_is_refused_before_anything_that_waits_is_signed()
    {
        await using (var node = await NodeAsync())
        {
            await node.Log.SubmitAsync("a", "1");
            await UntilAsync(() => node.Size == 1);
        }
        _database.Rewind(1);
        _database.ForgetCheckpoint();
        await using var log = await OpenAsync(s_quick);
        // What waits may be older than the backup.
        var waiting = log.SubmitAsync("b", "2");
        var refused = await Assert.ThrowsAsync<LogRolledBackException>(() => PublishAsync(log, [_witness]));
        Assert.Contains("old backup", refused.Message, StringComparison.Ordinal);
        Assert.Equal(1, _database.FrameCount);
        Assert.False(waiting.IsCompleted);
        log.Refuse(refused.Message);
        await Assert.ThrowsAnyAsync<IOException>(() => waiting);
        Assert.Equal(1, _database.FrameCount);
    }

    [Fact]
    public async Task Node_whose_witnesses_were_not_asked_yet_signs_nothing()
    {
        await using var log = await OpenAsync(s_quick);
        var waiting = log.SubmitAsync("a", "1");
        Assert.False(log.IsSequencer);
        await log.WitnessedCheckpoint.CatchUpAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1, _database.FrameCount);
        log.WitnessedCheckpoint.BeginSigning();
        Assert.Equal(1, (await waiting).Added);
    }

    async Task<Node> NodeAsync(MemoryDatabase.Connection? connection = null, IReadOnlyList<FakeWitness>? witnesses = null)
    {
        var log = await OpenAsync(s_quick, connection);
        return new Node(log, await PublishAsync(log, witnesses ?? [_witness]));
    }

    static Task<WitnessedPublication> PublishAsync(ICheckpointedLog log, IReadOnlyList<FakeWitness> witnesses) =>
        WitnessedPublicationTests.PublishAsync(log, 1, witnesses: witnesses);

    Task<SharedLog> OpenAsync(SharedLogOptions sharing, MemoryDatabase.Connection? connection = null) =>
        SharedLog.OpenAsync(
            // Each is a machine of its own.
            _fixture.Options with
            {
                Folder = Path.Combine(_fixture.Root, $"node{Interlocked.Increment(ref _nodes)}"),
                Origin = Origin,
            },
            sharing,
            _fixture.Key,
            connection ?? _database.Connect(),
            TestContext.Current.CancellationToken
        );

    static Task UntilAsync(Func<bool> condition) => TestNode.UntilAsync(() => Task.FromResult(condition()), "the checkpoint");

    sealed record Node(SharedLog Log, WitnessedPublication Publication) : IAsyncDisposable
    {
        internal ulong Size => Publication.Current?.Checkpoint.Size ?? 0;

        public async ValueTask DisposeAsync()
        {
            await Publication.DisposeAsync();
            await Log.DisposeAsync();
        }
    }
}
