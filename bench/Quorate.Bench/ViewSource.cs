using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Log;

namespace Quorate.Bench;

/// <summary>A remote without a network: fills mirrors for rows that do not measure the fetching.</summary>
sealed class ViewSource(ILogView log) : ILogSource
{
    public string Remote => "in-process";

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
