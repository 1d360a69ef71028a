using Quorate.Log.Sharing;
using Quorate.Log.Storage;
using Quorate.Postgres;
using Quorate.Testing.Logs;
using Quorate.Testing.Postgres;

namespace Quorate.EndToEnd.SharedLogs;

public sealed class PostgresStorageTests : LogStorageContract
{
    static readonly TimeSpan s_lease = TimeSpan.FromMinutes(1);

    PostgresSettings? _settings;

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    protected override async Task<ILogStorage> OpenAsync()
    {
        var storage = await OpenWithoutLeaseAsync();
        // The one before was closed without giving its lease back, as a process that ends does.
        await ExecuteAsync("UPDATE quorate_log SET lease_until = now() - interval '1 second'");
        Assert.True(await storage.TryTakeLeaseAsync(s_lease, Cancellation));
        return storage;
    }

    [Fact]
    public async Task AppendAsync_of_a_superseded_node_changes_nothing()
    {
        var old = (PostgresStorage)await OpenAsync();
        await old.AppendAsync(new byte[40], Cancellation);
        var now = (PostgresStorage)await OpenAsync();
        _ = now.ReadFrames().Count();

        await Assert.ThrowsAsync<LeaseLostException>(async () => await old.AppendAsync(new byte[50], Cancellation));
        await now.AppendAsync(new byte[60], Cancellation);
        await Assert.ThrowsAsync<LeaseLostException>(async () => await old.AppendAsync(new byte[50], Cancellation));
        Assert.False(await old.RenewLeaseAsync(Cancellation));

        Assert.Equal([60], old.ReadNewFrames().Select(f => f.Payload.Length));
        Assert.Equal([40, 60], old.ReadFrames().Select(f => f.Payload.Length));
        await old.DisposeAsync();
        await now.DisposeAsync();
    }

    [Fact]
    public async Task CommitAsync_of_a_superseded_node_leaves_the_queue_to_the_other()
    {
        var old = (PostgresStorage)await OpenAsync();
        var id = Guid.NewGuid();
        await old.EnqueueAsync(id, new byte[] { 1, 2, 3 }, Cancellation);
        var now = (PostgresStorage)await OpenAsync();

        await Assert.ThrowsAsync<LeaseLostException>(async () =>
            await old.CommitAsync(null, [new SubmissionAnswer(id, new byte[] { 9 })], Cancellation)
        );
        var waiting = Assert.Single(await now.WaitingAsync(10, 1000, Cancellation));
        Assert.Equal((id, 3), (waiting.Id, waiting.Bytes.Length));
        await now.CommitAsync(new byte[32], [new SubmissionAnswer(id, new byte[] { 7 })], Cancellation);
        Assert.Empty(await now.WaitingAsync(10, 1000, Cancellation));

        var status = await old.StatusAsync([id], Cancellation);
        Assert.Equal(7, status.Answers.Single().Bytes.Span[0]);
        Assert.True(status.HasNewFrames);
        Assert.False(status.LeaseIsFree);
        // Its node never learned that it had been queued, and tries again: it is not sequenced twice.
        await old.EnqueueAsync(id, new byte[] { 1, 2, 3 }, Cancellation);
        Assert.Empty(await now.WaitingAsync(10, 1000, Cancellation));
        await old.ForgetAnswersAsync([id], Cancellation);
        Assert.Empty((await old.StatusAsync([id], Cancellation)).Answers);
        await old.DisposeAsync();
        await now.DisposeAsync();
    }

    [Fact]
    public async Task TryTakeLeaseAsync_while_another_node_holds_it_is_refused_until_it_is_given_back()
    {
        await using var holder = (PostgresStorage)await OpenAsync();
        await using var other = await OpenWithoutLeaseAsync();
        Assert.False(await other.TryTakeLeaseAsync(s_lease, Cancellation));
        Assert.False((await other.StatusAsync([], Cancellation)).LeaseIsFree);
        Assert.True((await holder.StatusAsync([], Cancellation)).LeaseIsFree);
        await holder.ReleaseLeaseAsync(Cancellation);
        Assert.True((await other.StatusAsync([], Cancellation)).LeaseIsFree);
        Assert.True(await other.TryTakeLeaseAsync(s_lease, Cancellation));
    }

    [Fact]
    public async Task TryTakeLeaseAsync_by_many_at_once_gives_it_to_one()
    {
        _settings = await PostgresServer.NewSchemaAsync();
        // They make the tables at once, too.
        var nodes = await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ => await OpenWithoutLeaseAsync()));
        var taken = await Task.WhenAll(nodes.Select(async n => await n.TryTakeLeaseAsync(s_lease, Cancellation)));
        Assert.Single(taken, t => t);
        foreach (var node in nodes)
        {
            await node.DisposeAsync();
        }
    }

    [Fact]
    public async Task WaitingAsync_takes_the_oldest_within_the_limits_but_at_least_one()
    {
        await using var storage = (PostgresStorage)await OpenAsync();
        var ids = Enumerable.Range(0, 5).Select(_ => Guid.NewGuid()).ToList();
        foreach (var id in ids)
        {
            await storage.EnqueueAsync(id, new byte[100], Cancellation);
        }
        Assert.Equal(ids[..3], (await storage.WaitingAsync(10, 350, Cancellation)).Select(w => w.Id));
        Assert.Equal(ids[..2], (await storage.WaitingAsync(2, 350, Cancellation)).Select(w => w.Id));
        Assert.Equal(ids[..1], (await storage.WaitingAsync(10, 1, Cancellation)).Select(w => w.Id));
    }

    [Theory]
    [InlineData("UPDATE quorate_frame SET bytes = set_byte(bytes, 3, get_byte(bytes, 3) # 1) WHERE frame = 2", "is not what was written")]
    [InlineData("UPDATE quorate_frame SET length = length - 1 WHERE frame = 2", "is not what was written")]
    [InlineData("UPDATE quorate_frame SET frame = 9 WHERE frame = 2", "is missing")]
    [InlineData("DELETE FROM quorate_frame WHERE frame = 3", "is missing")]
    [InlineData("DELETE FROM quorate_log", "is gone")]
    public async Task ReadFrames_of_changed_tables_is_refused_by_name(string damage, string message)
    {
        await using var storage = (PostgresStorage)await OpenAsync();
        for (var i = 0; i < 3; i++)
        {
            await storage.AppendAsync(new byte[100 + i], Cancellation);
        }
        await ExecuteAsync(damage);
        var refused = Assert.Throws<LogDamagedException>(() => storage.ReadFrames().Count());
        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
        Assert.Contains(Log.Text, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ReadNewFrames_of_a_database_that_lost_frames_is_refused()
    {
        await using var storage = (PostgresStorage)await OpenAsync();
        await storage.AppendAsync(new byte[100], Cancellation);
        await storage.AppendAsync(new byte[100], Cancellation);
        await ExecuteAsync("DELETE FROM quorate_frame WHERE frame = 2; UPDATE quorate_log SET next_frame = 2");
        var refused = Assert.Throws<LogDamagedException>(() => storage.ReadNewFrames().Count());
        Assert.Contains("backup", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OpenAsync_of_tables_of_another_version_is_refused()
    {
        await (await OpenAsync()).DisposeAsync();
        await ExecuteAsync("UPDATE quorate_schema SET version = 3");
        var refused = await Assert.ThrowsAsync<LogStorageException>(OpenWithoutLeaseAsync);
        Assert.Contains("version 3", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OpenAsync_of_a_server_that_may_forget_is_refused()
    {
        _settings = await PostgresServer.NewSchemaAsync();
        _settings = _settings with { Connection = _settings.Connection + ";Options=-c synchronous_commit=off" };
        var refused = await Assert.ThrowsAsync<LogStorageException>(OpenWithoutLeaseAsync);
        Assert.Contains("synchronous_commit", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OpenAsync_where_no_database_answers_is_a_storage_error()
    {
        _settings = new PostgresSettings("Host=/nowhere;Database=x;Username=y;Timeout=2");
        await Assert.ThrowsAsync<LogStorageException>(OpenWithoutLeaseAsync);
    }

    async Task<PostgresStorage> OpenWithoutLeaseAsync() =>
        await PostgresStorage.OpenAsync(_settings ??= await PostgresServer.NewSchemaAsync(), Log, Cancellation);

    Task<object?> ExecuteAsync(string statement) => PostgresServer.ExecuteAsync(_settings!, statement);
}
