using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Crypto;
using Quorate.Log;
using Quorate.Nix;
using Quorate.Node.Configuration;
using Quorate.Node.Logs;

namespace Quorate.Tests.Gates;

/// <summary>A mirror that holds claims under chosen keys; only what the gate reads of a log is there.</summary>
sealed class StubMirror(IReadOnlyDictionary<string, byte[]> valuesByKeyHex) : ILogView
{
    public LogIdentity Identity => new(Protocol, Ed25519PrivateKey.FromSeed(new byte[32]).PublicKey);

    public Protocol Protocol { get; init; } = Protocol.Nix;

    public LogHead? Head { get; init; } = new(default, 1, default, default, 1, new byte[64]);

    public event Action<ILogView>? Advanced
    {
        add { }
        remove { }
    }

    public IReadOnlyList<ReadOnlyMemory<byte>> KeysByStoreHash(string storeHash) =>
        [
            .. valuesByKeyHex
                .Keys.Select(hex => (ReadOnlyMemory<byte>)Convert.FromHexString(hex))
                .Where(key => NixKeyForms.TryPath(key.Span, out var path) && path.HashPart == storeHash),
        ];

    public IReadOnlyList<LogEntry> EntriesOf(ReadOnlySpan<byte> key) =>
        valuesByKeyHex.TryGetValue(Convert.ToHexString(key), out var value)
            ? [new LogEntry(0, key.ToArray(), Sha256Digest.HashData(value), default)]
            : [];

    public ValueTask<ReadOnlyMemory<byte>?> ValueAsync(Sha256Digest digest, CancellationToken cancellationToken)
    {
        var value = valuesByKeyHex.Values.FirstOrDefault(value => Sha256Digest.HashData(value) == digest);
        return ValueTask.FromResult<ReadOnlyMemory<byte>?>(value is null ? null : value);
    }

    public DateTimeOffset FirstSeen(ulong index) => throw new NotSupportedException();

    public IReadOnlyList<LogEntry> Entries(ulong start, ulong finish) => throw new NotSupportedException();

    public IReadOnlyList<Sha256Digest> InclusionProof(ulong index, ulong treeSize) => throw new NotSupportedException();

    public IReadOnlyList<Sha256Digest> ConsistencyProof(ulong first, ulong second) => throw new NotSupportedException();

    public IReadOnlyList<Sha256Digest> MapHistoryLeaves(ulong start, ulong finish) => throw new NotSupportedException();

    public IReadOnlyList<Sha256Digest> MapHistoryInclusionProof(ulong index, ulong treeSize) => throw new NotSupportedException();

    public IReadOnlyList<Sha256Digest> MapHistoryConsistencyProof(ulong first, ulong second) => throw new NotSupportedException();

    public MapAnswer? MapValue(ReadOnlySpan<byte> key, Sha256Digest mapRoot) => throw new NotSupportedException();
}

sealed class StubFollowedLog(string name, StubMirror mirror, DateTimeOffset? lastAttempt) : IFollowedLog
{
    public FollowSection Section { get; } =
        new()
        {
            Name = name,
            Builder = name,
            Protocol = mirror.Protocol,
        };

    public LogIdentity Identity => mirror.Identity;

    public SubscriptionStatus Status { get; set; } = new(lastAttempt, lastAttempt, null, null, 0);

    public ILogView Mirror => mirror;

    public LogHead? Head => mirror.Head;

    public Task<KeyLookup> LookupAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken) => throw new NotSupportedException();
}
