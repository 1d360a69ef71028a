using System.Text;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Log;
using Quorate.Log.Storage;
using Quorate.Node.Configuration;
using Quorate.Node.Logs;
using Quorate.Node.Rpc;
using Quorate.Node.Subscriptions;
using Quorate.Testing.Logs;
using Quorate.Testing.Rpc;
using Xunit;

namespace Quorate.Tests.Node;

/// <summary>A builder signs a head whose map is not the map of its entries, and query mode asks for a key that shows it.</summary>
public sealed class QueryMisbehaviourTests : IAsyncLifetime
{
    readonly DirectoryInfo _state = Directory.CreateTempSubdirectory("qm-");
    readonly Ed25519PrivateKey _signing = Key();
    readonly LogRegistry _registry = new();
    TemporaryLog _honest = null!;
    TemporaryLog _other = null!;
    TrustixHost _host = null!;

    public async ValueTask InitializeAsync()
    {
        _honest = await TemporaryLog.OpenAsync(Protocol.Test, Key());
        _other = await TemporaryLog.OpenAsync(Protocol.Test, Key());
        await SubmitAsync(_honest, ("a", "1"), ("b", "2"));
        await SubmitAsync(_other, ("a", "evil"), ("b", "2"));
        var (entries, map) = (_honest.Log.Head, _other.Log.Head);
        var head = LogHead.Sign(entries.LogRoot, entries.TreeSize, map.MapRoot, map.MhRoot, map.MhTreeSize, _signing);
        _registry.Replace([_honest.Entry("bob") with { Log = new TwoFacedLog(_honest.Log, _other.Log, head) }], []);
        _host = await TrustixHost.StartAsync(_registry, RpcSurface.Public);
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        await _honest.DisposeAsync();
        await _other.DisposeAsync();
        _signing.Dispose();
        _state.Delete(recursive: true);
    }

    [Fact]
    public async Task Map_that_contradicts_its_log_is_misbehaviour()
    {
        await using var followed = Follow();

        Assert.IsType<KeyLookup.Unavailable>(await LookupAsync(followed, "a"));

        Assert.Contains("names entry 0, which is another", followed.Status.Misbehaviour, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Other_keys_of_a_map_that_is_a_proven_lie_count_no_more()
    {
        await using var followed = Follow();
        Assert.IsType<KeyLookup.Found>(await LookupAsync(followed, "b"));

        await LookupAsync(followed, "a");

        Assert.IsType<KeyLookup.Unavailable>(await LookupAsync(followed, "b"));
    }

    [Fact]
    public async Task Proven_lie_is_not_forgotten_over_a_restart()
    {
        await using (var followed = Follow())
        {
            await LookupAsync(followed, "a");
        }
        await using var again = Follow();

        Assert.Contains("names entry 0, which is another", again.Status.Misbehaviour, StringComparison.Ordinal);
        Assert.IsType<KeyLookup.Unavailable>(await LookupAsync(again, "b"));
    }

    [Fact]
    public async Task Log_that_was_caught_gives_no_later_head()
    {
        await using var followed = Follow();
        await LookupAsync(followed, "a");
        var before = followed.Head;
        await SubmitAsync(_honest, ("c", "3"));
        _registry.Replace([_honest.Entry("bob")], []);

        await followed.PollAsync(TestContext.Current.CancellationToken);

        Assert.Equal(before, followed.Head);
        Assert.Contains("nothing later is taken", followed.Status.Fault, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Proof_verifies_from_the_logs_key_alone()
    {
        await using var followed = Follow();
        await LookupAsync(followed, "a");

        var proof = MisbehaviourProof.Parse(MisbehaviourProof.Write(followed.Misbehaviour!, _signing.PublicKey), out _);

        Assert.Equal(Verification.Ok, proof.Verify(new LogIdentity(Protocol.Nix, _signing.PublicKey)));
    }

    [Fact]
    public async Task Proof_that_is_damaged_is_not_read_as_none()
    {
        await using (var followed = Follow())
        {
            await LookupAsync(followed, "a");
        }
        var path = Directory.GetFiles(Path.Combine(_state.FullName, "queries"), "*.misbehaviour").Single();
        var text = await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(path, text[..^1], TestContext.Current.CancellationToken);

        Assert.Throws<LogDamagedException>(Follow);
    }

    FollowedQuery Follow()
    {
        var section = new FollowSection
        {
            Name = "bob",
            Builder = "bob",
            Protocol = Protocol.Test,
            Key = _signing.PublicKey,
            Remotes = [_host.Uri],
            Mode = FollowMode.Query,
        };
        return FollowedQuery.Open(section, new RemoteSet(section.Remotes, 16 << 20), _state.FullName, TimeProvider.System);
    }

    static Ed25519PrivateKey Key() => Ed25519PrivateKey.FromSeed([.. Enumerable.Repeat((byte)6, Ed25519PrivateKey.SeedSize)]);

    static Task<KeyLookup> LookupAsync(FollowedQuery followed, string key) =>
        followed
            .LookupAsync(Encoding.UTF8.GetBytes(key), TestContext.Current.CancellationToken)
            .WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);

    static Task<SubmitResult> SubmitAsync(TemporaryLog log, params (string Key, string Value)[] items) =>
        log.Log.SubmitAsync(
            [.. items.Select(i => new SubmitItem(Encoding.UTF8.GetBytes(i.Key), Encoding.UTF8.GetBytes(i.Value)))],
            TestContext.Current.CancellationToken
        );

    /// <summary>Entries of one log, map and values of another, under one signed head.</summary>
    sealed class TwoFacedLog(IPublishedLog entries, IPublishedLog map, LogHead head) : IPublishedLog
    {
        public event Action<ILogView>? Advanced
        {
            add { }
            remove { }
        }

        public LogIdentity Identity => entries.Identity;

        public LogHead Head => head;

        LogHead? ILogView.Head => head;

        public DateTimeOffset FirstSeen(ulong index) => entries.FirstSeen(index);

        public IReadOnlyList<LogEntry> Entries(ulong start, ulong finish) => entries.Entries(start, finish);

        public IReadOnlyList<Sha256Digest> InclusionProof(ulong index, ulong treeSize) => entries.InclusionProof(index, treeSize);

        public IReadOnlyList<Sha256Digest> ConsistencyProof(ulong first, ulong second) => entries.ConsistencyProof(first, second);

        public IReadOnlyList<Sha256Digest> MapHistoryLeaves(ulong start, ulong finish) => map.MapHistoryLeaves(start, finish);

        public IReadOnlyList<Sha256Digest> MapHistoryInclusionProof(ulong index, ulong treeSize) =>
            map.MapHistoryInclusionProof(index, treeSize);

        public IReadOnlyList<Sha256Digest> MapHistoryConsistencyProof(ulong first, ulong second) =>
            map.MapHistoryConsistencyProof(first, second);

        public MapAnswer? MapValue(ReadOnlySpan<byte> key, Sha256Digest mapRoot) => map.MapValue(key, mapRoot);

        public IReadOnlyList<LogEntry> EntriesOf(ReadOnlySpan<byte> key) => entries.EntriesOf(key);

        public IReadOnlyList<ReadOnlyMemory<byte>> KeysByStoreHash(string storeHash) => [];

        public ValueTask<ReadOnlyMemory<byte>?> ValueAsync(Sha256Digest digest, CancellationToken cancellationToken) =>
            map.ValueAsync(digest, cancellationToken);

        public Task<SubmitResult> SubmitAsync(IReadOnlyList<SubmitItem> items, CancellationToken cancellationToken) =>
            entries.SubmitAsync(items, cancellationToken);

        public Task<LogHead> FlushAsync(CancellationToken cancellationToken) => entries.FlushAsync(cancellationToken);
    }
}
