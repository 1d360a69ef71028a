using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Crypto;
using Quorate.Log;
using Quorate.Node.Subscriptions;
using Xunit;

namespace Quorate.Tests.Node;

public sealed class VerifiedHeadTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("qv-").FullName;
    readonly Ed25519PrivateKey _key = Ed25519PrivateKey.FromSeed([.. Enumerable.Repeat((byte)7, 32)]);
    readonly LogIdentity _identity;
    readonly VerifiedHeadFile _file;

    public VerifiedHeadTests()
    {
        _identity = new LogIdentity(Protocol.Test, _key.PublicKey);
        _file = new VerifiedHeadFile(Path.Combine(_folder, "head"));
    }

    public void Dispose()
    {
        _key.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    static Sha256Digest Digest(byte seed) => Sha256Digest.HashData([seed]);

    LogHead Head(ulong size, byte root = 1, byte map = 2, ulong mhSize = 5) =>
        LogHead.Sign(Digest(root), size, Digest(map), Digest(3), mhSize, _key);

    Task<Succession> CheckAsync(LogHead? before, LogHead head, params IReadOnlyList<Sha256Digest> proof) =>
        HeadSuccession.CheckAsync(_identity, before, head, new ProofSource(proof), DateTimeOffset.UnixEpoch, CancellationToken.None);

    [Fact]
    public async Task First_head_is_accepted_when_the_log_signed_it() =>
        Assert.IsType<Succession.Accepted>(await CheckAsync(null, Head(3)));

    [Fact]
    public async Task Head_of_another_key_is_a_fault_of_the_remote()
    {
        using var other = Ed25519PrivateKey.FromSeed([.. Enumerable.Repeat((byte)8, 32)]);

        Assert.IsType<Succession.RemoteFault>(await CheckAsync(null, LogHead.Sign(Digest(1), 3, Digest(2), Digest(3), 5, other)));
    }

    [Fact]
    public async Task Older_head_means_that_the_remote_is_behind() =>
        Assert.IsType<Succession.RemoteFault>(await CheckAsync(Head(4), Head(3)));

    [Fact]
    public async Task Two_log_roots_for_one_size_are_misbehaviour() =>
        Assert.IsType<Succession.Contradiction>(await CheckAsync(Head(3), Head(3, root: 9)));

    [Fact]
    public async Task Two_map_roots_for_one_size_are_misbehaviour() =>
        Assert.IsType<Succession.Contradiction>(await CheckAsync(Head(3), Head(3, map: 9)));

    [Fact]
    public async Task Same_entries_under_a_later_map_history_are_accepted() =>
        Assert.IsType<Succession.Accepted>(await CheckAsync(Head(3), Head(3, mhSize: 6)));

    [Fact]
    public async Task Larger_head_with_its_consistency_proof_is_accepted()
    {
        // RFC 6962 2.1.2: the proof from one leaf to two is the second leaf alone.
        var (first, second) = (Digest(10), Digest(11));
        var before = LogHead.Sign(first, 1, Digest(2), Digest(3), 2, _key);
        var head = LogHead.Sign(TreeHash.Node(first, second), 2, Digest(4), Digest(5), 3, _key);

        Assert.IsType<Succession.Accepted>(await CheckAsync(before, head, second));
    }

    [Fact]
    public async Task Larger_head_with_a_wrong_proof_is_a_fault_of_the_remote() =>
        Assert.IsType<Succession.RemoteFault>(await CheckAsync(Head(1), Head(2, root: 9), Digest(1)));

    [Fact]
    public void Read_gives_back_what_was_written()
    {
        var seen = new List<SizeSeen>
        {
            new(1, DateTimeOffset.FromUnixTimeMilliseconds(1000)),
            new(3, DateTimeOffset.FromUnixTimeMilliseconds(2000)),
        };
        _file.Write(Head(3), seen);

        var (head, read) = _file.Read(_identity);

        Assert.Equal(Head(3), head);
        Assert.Equal(seen, read);
    }

    [Fact]
    public void Read_of_a_head_that_another_key_signed_is_refused()
    {
        _file.Write(Head(3), []);
        using var other = Ed25519PrivateKey.FromSeed([.. Enumerable.Repeat((byte)8, 32)]);

        Assert.Throws<MalformedException>(() => _file.Read(new LogIdentity(Protocol.Test, other.PublicKey)));
    }

    [Fact]
    public void Read_of_any_damage_throws_nothing_but_MalformedException()
    {
        var path = Path.Combine(_folder, "head");
        _file.Write(Head(3), [new SizeSeen(3, DateTimeOffset.FromUnixTimeMilliseconds(1000))]);
        var good = File.ReadAllBytes(path);
        Prop.ForAll<int, byte, byte[]>(
                (at, value, tail) =>
                {
                    var bytes = (byte[])[.. good, .. tail ?? []];
                    bytes[Math.Abs(at % bytes.Length)] = value;
                    File.WriteAllBytes(path, bytes);
                    try
                    {
                        _ = _file.Read(_identity);
                    }
                    catch (MalformedException)
                    {
                        return true;
                    }
                    return true;
                }
            )
            .QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Write_of_many_sizes_keeps_the_newest_and_thins_the_old()
    {
        var seen = Enumerable.Range(1, 5000).Select(i => new SizeSeen((ulong)i, DateTimeOffset.FromUnixTimeMilliseconds(i))).ToList();

        _file.Write(Head(5000), seen);

        var (_, read) = _file.Read(_identity);
        Assert.InRange(read.Count, 3000, 4096);
        Assert.Equal(5000UL, read[^1].TreeSize);
    }

    /// <summary>Answers with one consistency proof and nothing else.</summary>
    sealed class ProofSource(IReadOnlyList<Sha256Digest> proof) : ILogSource
    {
        public string Remote => "http://remote";

        public Task<IReadOnlyList<Sha256Digest>> ConsistencyProofAsync(
            LogId log,
            ulong first,
            ulong second,
            CancellationToken cancellationToken
        ) => Task.FromResult(proof);

        public Task<LogHead> HeadAsync(LogId log, CancellationToken cancellationToken) => throw new LogSourceException("not asked");

        public Task<IReadOnlyList<LogEntry>> EntriesAsync(LogId log, ulong start, ulong finish, CancellationToken cancellationToken) =>
            throw new LogSourceException("not asked");

        public Task<IReadOnlyList<Sha256Digest>> MapHistoryLeavesAsync(
            LogId log,
            ulong start,
            ulong finish,
            CancellationToken cancellationToken
        ) => throw new LogSourceException("not asked");

        public Task<MapAnswer?> MapValueAsync(
            LogId log,
            ReadOnlyMemory<byte> key,
            Sha256Digest mapRoot,
            CancellationToken cancellationToken
        ) => throw new LogSourceException("not asked");

        public Task<ReadOnlyMemory<byte>> ValueAsync(Sha256Digest digest, CancellationToken cancellationToken) =>
            throw new LogSourceException("not asked");
    }
}
