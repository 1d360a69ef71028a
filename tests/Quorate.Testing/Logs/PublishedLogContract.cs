using System.Text;
using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Core.Merkle;
using Quorate.Crypto;
using Quorate.Log;
using Xunit;

namespace Quorate.Testing.Logs;

/// <summary>Opens one kind of log.</summary>
public interface ILogOpener<TLog>
{
    /// <summary>Opens the log that a test began with, again after it was closed.</summary>
    Task<TLog> OpenAsync(PublishedLogOptions options, Ed25519PrivateKey key);
}

/// <summary>
/// What submitters and readers rely on, whatever keeps the log, however many nodes share it, and whatever its map says of a key. Each kind of log has a class for each rule
/// of the map, derived from <see cref="FirstValueLogContract{TLog}"/> and <see cref="AllClaimsLogContract{TLog}"/>.
/// </summary>
public abstract class PublishedLogContract<TLog> : IDisposable
    where TLog : IPublishedLog, IAsyncDisposable
{
    readonly ILogOpener<TLog> _opener;
    readonly Ed25519PrivateKey _key = Ed25519PrivateKey.FromSeed(Convert.FromBase64String("oPGw8rNh03IVBaQ1AJNWnrud99CQM8JGO3Ef16PBbx0="));
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("quorate-log-");

    protected PublishedLogContract(ILogOpener<TLog> opener, Protocol protocol) =>
        (_opener, Identity) = (opener, new LogIdentity(protocol, _key.PublicKey));

    protected LogIdentity Identity { get; }

    ManualTime Time { get; } = new();

    protected Task<TLog> OpenAsync(Func<PublishedLogOptions, PublishedLogOptions>? change = null)
    {
        var options = new PublishedLogOptions
        {
            Identity = Identity,
            Folder = Path.Combine(_folder.FullName, "log"),
            Time = Time,
        };
        return _opener.OpenAsync(change is null ? options : change(options), _key);
    }

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        _key.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task ValueAsync_of_a_value_that_two_entries_share_gives_it_after_reopening()
    {
        await using (var log = await OpenAsync())
        {
            await SubmitAsync(log, "one", "shared");
            await SubmitAsync(log, "two", "shared");
        }
        await using var reopened = await OpenAsync();
        var digest = Sha256Digest.HashData("shared"u8);
        Assert.Equal("shared"u8.ToArray(), (await reopened.ValueAsync(digest, TestContext.Current.CancellationToken))!.Value.ToArray());
    }

    [Fact]
    public async Task OpenAsync_again_gives_the_same_log()
    {
        LogHead head;
        IReadOnlyList<LogEntry> entries;
        await using (var log = await OpenAsync())
        {
            await SubmitAsync(log, Item("a", "1"), Item("b", "2"));
            head = (await SubmitAsync(log, "a", "other")).Head;
            entries = log.Entries(0, 2);
        }
        await using var reopened = await OpenAsync();
        Assert.Equal(head, reopened.Head);
        Assert.Equal(entries.Select(e => e.LeafHash), reopened.Entries(0, 2).Select(e => e.LeafHash));
        Assert.Equal(2, reopened.EntriesOf("a"u8).Count);
        Assert.Equal("other", await TextAsync(reopened, entries[2].ValueDigest));
        Assert.Equal(1, (await SubmitAsync(reopened, "a", "other")).Duplicates);
    }

    [Fact]
    public async Task SubmitAsync_of_duplicates_alone_makes_no_head()
    {
        await using var log = await OpenAsync();
        var head = (await SubmitAsync(log, "a", "1")).Head;
        var again = await SubmitAsync(log, Item("a", "1"), Item("a", "1"));
        Assert.Equal((head, 0, 2), (again.Head, again.Added, again.Duplicates));
        Assert.Equal(head, await log.FlushAsync(TestContext.Current.CancellationToken));
        Assert.Equal(head, (await SubmitAsync(log)).Head);
    }

    [Fact]
    public async Task SubmitAsync_over_a_limit_is_refused_and_logs_nothing()
    {
        await using var log = await OpenAsync(o => o with { MaxValueBytes = 10, MaxSubmitBytes = 200 });
        await Assert.ThrowsAsync<LogInputException>(() => SubmitAsync(log, "a", "12345678901"));
        await Assert.ThrowsAsync<LogInputException>(() => SubmitAsync(log, new string('k', 65_503), "1"));
        await Assert.ThrowsAsync<LogInputException>(() => SubmitAsync(log, [.. Enumerable.Range(0, 10).Select(i => Item($"{i}", "1"))]));
        Assert.Equal(0UL, log.Head.TreeSize);
    }

    [Fact]
    public async Task SubmitAsync_of_the_largest_key_and_of_empty_key_and_value_is_logged()
    {
        await using var log = await OpenAsync();
        await SubmitAsync(log, Item(new string('k', 65_502), "1"), Item("", "2"), Item("e", ""));
        Assert.Equal([65_502, 0, 1], log.Entries(0, 2).Select(e => e.Key.Length));
        Assert.Equal("", await TextAsync(log, Digest("")));
        Assert.Equal("2", await TextAsync(log, log.EntriesOf([])[0].ValueDigest));
    }

    [Fact]
    public async Task SubmitAsync_from_many_at_once_puts_every_submit_whole_under_the_head_it_was_told()
    {
        await using var log = await OpenAsync();
        var submits = Enumerable
            .Range(0, 60)
            .Select(i => Task.Run(() => SubmitAsync(log, [.. Enumerable.Range(0, 5).Select(j => Item($"{i}/{j}", $"{i * j}"))])))
            .ToArray();
        var results = await Task.WhenAll(submits);
        for (var i = 0; i < results.Length; i++)
        {
            var head = results[i].Head;
            Assert.True(head.Verify(Identity.Key).IsVerified);
            for (var j = 0; j < 5; j++)
            {
                var entry = Assert.Single(log.EntriesOf(Encoding.UTF8.GetBytes($"{i}/{j}")));
                Assert.True(entry.Index < head.TreeSize);
                var proof = log.InclusionProof(entry.Index, head.TreeSize);
                Assert.True(MerkleProof.VerifyInclusion(entry.Index, head.TreeSize, entry.LeafHash, proof, head.LogRoot).IsVerified);
            }
        }
        Assert.Equal(300UL, log.Head.TreeSize);
    }

    [Fact]
    public async Task MapValue_under_every_head_of_the_window_verifies()
    {
        await using var log = await OpenAsync(o => o with { History = new HistoryWindow(TimeSpan.FromHours(1), 3) });
        var heads = new List<LogHead> { log.Head };
        for (var i = 0; i < 12; i++)
        {
            heads.Add((await SubmitAsync(log, Item($"key{i}", $"{i}"), Item($"more{i}", $"{i}"))).Head);
        }
        foreach (var head in heads)
        {
            for (var i = 0; i < 12; i++)
            {
                var key = Encoding.UTF8.GetBytes($"key{i}");
                var answer = log.MapValue(key, head.MapRoot)!;
                Assert.Equal((ulong)(2 * i) >= head.TreeSize, answer.Value.IsEmpty);
                Assert.True(SparseMapProof.Verify(answer.Proof, head.MapRoot, key, answer.Value.Span).IsVerified);
            }
        }
        Assert.Null(log.MapValue("key0"u8, Digest("no such root")));

        // An hour later the older ones have left the window; the newest three stay.
        Time.Advance(TimeSpan.FromHours(2));
        Assert.All(heads[..^3], head => Assert.Null(log.MapValue("key0"u8, head.MapRoot)));
        Assert.All(heads[^3..], head => Assert.NotNull(log.MapValue("key0"u8, head.MapRoot)));
    }

    [Fact]
    public async Task FirstSeen_tells_when_the_head_was_made()
    {
        var start = Time.GetUtcNow();
        await using (var log = await OpenAsync())
        {
            await SubmitAsync(log, Item("a", "1"), Item("b", "1"));
            Time.Advance(TimeSpan.FromMinutes(5));
            await SubmitAsync(log, "c", "1");
        }
        Time.Advance(TimeSpan.FromMinutes(5));
        await using var reopened = await OpenAsync();
        Assert.Equal([start, start, start.AddMinutes(5)], new ulong[] { 0, 1, 2 }.Select(reopened.FirstSeen));
        Assert.Throws<ArgumentOutOfRangeException>(() => reopened.FirstSeen(3));
    }

    [Fact]
    public async Task Reading_beyond_the_head_is_refused()
    {
        await using var log = await OpenAsync();
        await SubmitAsync(log, "a", "1");
        Assert.Throws<ArgumentOutOfRangeException>(() => log.Entries(0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => log.Entries(1, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => log.InclusionProof(0, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => log.ConsistencyProof(1, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => log.MapHistoryLeaves(0, 2));
        Assert.Empty(log.ConsistencyProof(5, 1));
    }

    [Fact]
    public async Task Advanced_is_raised_when_a_head_was_made()
    {
        await using var log = await OpenAsync();
        var seen = new TaskCompletionSource<ulong>(TaskCreationOptions.RunContinuationsAsynchronously);
        log.Advanced += view => seen.TrySetResult(view.Head!.TreeSize);
        await SubmitAsync(log, "a", "1");
        Assert.Equal(1UL, await seen.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task DisposeAsync_finishes_what_waits_and_refuses_more()
    {
        var log = await OpenAsync();
        var submits = Enumerable.Range(0, 20).Select(i => SubmitAsync(log, $"{i}", "v")).ToArray();
        await log.DisposeAsync();
        await Task.WhenAll(submits);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => SubmitAsync(log, "late", "v"));
        await using var reopened = await OpenAsync();
        Assert.Equal(20UL, reopened.Head.TreeSize);
    }

    protected static SubmitItem Item(string key, string value) => new(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(value));

    protected static Task<SubmitResult> SubmitAsync(TLog log, params SubmitItem[] items) =>
        log.SubmitAsync(items, TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(30));

    protected static Task<SubmitResult> SubmitAsync(TLog log, string key, string value) => SubmitAsync(log, Item(key, value));

    protected static Sha256Digest Digest(string text) => Sha256Digest.HashData(Encoding.UTF8.GetBytes(text));

    static async Task<string> TextAsync(TLog log, Sha256Digest digest) =>
        Encoding.UTF8.GetString((await log.ValueAsync(digest, TestContext.Current.CancellationToken))!.Value.Span);
}
