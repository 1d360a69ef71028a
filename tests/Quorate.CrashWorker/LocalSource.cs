using Quorate.Core;
using Quorate.Log;

namespace Quorate.CrashWorker;

/// <summary>A remote that is a log in this process.</summary>
sealed class LocalSource(ILogView log) : ILogSource
{
    public string Remote => "http://local.test";

    public Task<LogHead> HeadAsync(LogId id, CancellationToken cancellationToken) => Task.FromResult(log.Head!);

    public Task<IReadOnlyList<Sha256Digest>> ConsistencyProofAsync(
        LogId id,
        ulong first,
        ulong second,
        CancellationToken cancellationToken
    ) => Task.FromResult(log.ConsistencyProof(first, second));

    public Task<IReadOnlyList<LogEntry>> EntriesAsync(LogId id, ulong start, ulong finish, CancellationToken cancellationToken) =>
        Task.FromResult(log.Entries(start, finish));

    public Task<IReadOnlyList<Sha256Digest>> MapHistoryLeavesAsync(
        LogId id,
        ulong start,
        ulong finish,
        CancellationToken cancellationToken
    ) => Task.FromResult(log.MapHistoryLeaves(start, finish));

    public Task<MapAnswer?> MapValueAsync(LogId id, ReadOnlyMemory<byte> key, Sha256Digest mapRoot, CancellationToken cancellationToken) =>
        Task.FromResult(log.MapValue(key.Span, mapRoot));

    public async Task<ReadOnlyMemory<byte>> ValueAsync(Sha256Digest digest, CancellationToken cancellationToken) =>
        await log.ValueAsync(digest, cancellationToken) ?? throw new LogSourceException("no such value");
}
