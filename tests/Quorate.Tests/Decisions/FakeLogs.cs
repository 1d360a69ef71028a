using System.Text;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Log;
using Quorate.Node.Configuration;
using Quorate.Node.Logs;
using Quorate.Trust;

namespace Quorate.Tests.Decisions;

/// <summary>A log in memory without any of its cryptography: what decisions read of it, and nothing else.</summary>
sealed class FakeLog(LogIdentity identity) : IPublishedLog
{
    readonly List<LogEntry> _entries = [];
    readonly Dictionary<Sha256Digest, ReadOnlyMemory<byte>> _values = [];
    LogHead? _head;

    public static readonly DateTimeOffset Seen = new(2026, 5, 1, 0, 0, 0, TimeSpan.Zero);

    public int Reads { get; private set; }

    public LogIdentity Identity => identity;

    LogHead? ILogView.Head => _head;

    public LogHead Head => _head!;

    public FakeLog Synchronised()
    {
        var size = (ulong)_entries.Count;
        _head = new LogHead(Sha256Digest.HashData(BitConverter.GetBytes(size)), size, default, default, size, new byte[64]);
        return this;
    }

    public FakeLog Add(ReadOnlyMemory<byte> key, string value, bool withheld = false)
    {
        var bytes = Encoding.UTF8.GetBytes(value);
        var digest = Sha256Digest.HashData(bytes);
        _entries.Add(new LogEntry((ulong)_entries.Count, key, digest, default));
        if (!withheld)
        {
            _values[digest] = bytes;
        }
        Synchronised();
        Advanced?.Invoke(this);
        return this;
    }

    public FakeLog Add(string key, string value, bool withheld = false) => Add(Encoding.UTF8.GetBytes(key), value, withheld);

    public void Corrupt(string value) => _values[Sha256Digest.HashData(Encoding.UTF8.GetBytes(value))] = "EVIL"u8.ToArray();

    public DateTimeOffset FirstSeen(ulong index) => Seen;

    public IReadOnlyList<LogEntry> EntriesOf(ReadOnlySpan<byte> key)
    {
        Reads++;
        var found = new List<LogEntry>();
        foreach (var entry in _entries)
        {
            if (entry.Key.Span.SequenceEqual(key))
            {
                found.Add(entry);
            }
        }
        return found;
    }

    public ValueTask<ReadOnlyMemory<byte>?> ValueAsync(Sha256Digest digest, CancellationToken cancellationToken) =>
        new(_values.TryGetValue(digest, out var value) ? value : (ReadOnlyMemory<byte>?)null);

    public event Action<ILogView>? Advanced;

    public IReadOnlyList<LogEntry> Entries(ulong start, ulong finish) => throw new NotSupportedException();

    public IReadOnlyList<Sha256Digest> InclusionProof(ulong index, ulong treeSize) => throw new NotSupportedException();

    public IReadOnlyList<Sha256Digest> ConsistencyProof(ulong first, ulong second) => throw new NotSupportedException();

    public IReadOnlyList<Sha256Digest> MapHistoryLeaves(ulong start, ulong finish) => throw new NotSupportedException();

    public IReadOnlyList<Sha256Digest> MapHistoryInclusionProof(ulong index, ulong treeSize) => throw new NotSupportedException();

    public IReadOnlyList<Sha256Digest> MapHistoryConsistencyProof(ulong first, ulong second) => throw new NotSupportedException();

    public MapAnswer? MapValue(ReadOnlySpan<byte> key, Sha256Digest mapRoot) => throw new NotSupportedException();

    public IReadOnlyList<ReadOnlyMemory<byte>> KeysByStoreHash(string storeHash) => [];

    public Task<SubmitResult> SubmitAsync(IReadOnlyList<SubmitItem> items, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<LogHead> FlushAsync(CancellationToken cancellationToken) => Task.FromResult(Head);
}

sealed class FakeFollowed(FollowSection section, FakeLog? mirror) : IFollowedLog
{
    public FollowSection Section => section;

    public LogIdentity Identity => section.Identity!;

    public SubscriptionStatus Status { get; set; } = new(null, null, null, null, 0);

    public ILogView? Mirror => mirror;

    public LogHead? Head => mirror is ILogView view ? view.Head : null;

    public Func<ReadOnlyMemory<byte>, CancellationToken, Task<KeyLookup>> OnLookup { get; set; } =
        (_, _) => Task.FromResult<KeyLookup>(new KeyLookup.Absent(0));

    public Task<KeyLookup> LookupAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken) => OnLookup(key, cancellationToken);
}

sealed class FakeCache(string builder) : ITestimonySource
{
    public string Builder => builder;

    public Protocol Protocol => Protocol.Test;

    public int Asked { get; private set; }

    public Func<BuildInput, CancellationToken, Task<Testimony>> OnAsk { get; set; } =
        (_, _) => Task.FromResult<Testimony>(new Testimony.Silent(builder));

    public Task<Testimony> AskAsync(BuildInput input, CancellationToken cancellationToken)
    {
        Asked++;
        return OnAsk(input, cancellationToken);
    }

    public static Testimony Says(string builder, BuildInput input, string value)
    {
        var raw = new RawEvidence(Encoding.UTF8.GetBytes(value));
        var outputs = OutputMap.Single("out", new Output(raw.Digest));
        return new Testimony.Given(
            builder,
            new Evidence(new Claim(input, outputs, builder, ClaimOrigin.SignedCache, raw), null, FakeLog.Seen, [])
        );
    }
}
