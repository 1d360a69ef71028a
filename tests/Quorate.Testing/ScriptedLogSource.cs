using Quorate.Core;
using Quorate.Log;

namespace Quorate.Testing;

/// <summary>A remote that serves a log held in this process, with any answer replaced by the test. Counts what it was asked.</summary>
public sealed class ScriptedLogSource(ILogView served, string remote = "http://remote.test") : ILogSource
{
    public string Remote => remote;

    /// <summary>Replaces an answer; null keeps the log's own.</summary>
    public Func<LogHead, LogHead>? OnHead { get; set; }
    public Func<ulong, ulong, IReadOnlyList<Sha256Digest>>? OnConsistency { get; set; }
    public Func<IReadOnlyList<LogEntry>, IReadOnlyList<LogEntry>>? OnEntries { get; set; }
    public Func<IReadOnlyList<Sha256Digest>, IReadOnlyList<Sha256Digest>>? OnMapHistory { get; set; }
    public Func<Sha256Digest, ReadOnlyMemory<byte>?, ReadOnlyMemory<byte>?>? OnValue { get; set; }

    public Func<ReadOnlyMemory<byte>, Sha256Digest, MapAnswer?>? OnMapValue { get; set; }

    /// <summary>Throws for every call while set.</summary>
    public bool IsDown { get; set; }

    public int EntryCalls { get; private set; }

    int _valueCalls;

    public int ValueCalls => _valueCalls;

    public Task<LogHead> HeadAsync(LogId log, CancellationToken cancellationToken)
    {
        Answer(cancellationToken);
        var head = served.Head ?? throw new LogSourceException("no head");
        return Task.FromResult(OnHead?.Invoke(head) ?? head);
    }

    public Task<IReadOnlyList<Sha256Digest>> ConsistencyProofAsync(
        LogId log,
        ulong first,
        ulong second,
        CancellationToken cancellationToken
    )
    {
        Answer(cancellationToken);
        return Task.FromResult(OnConsistency?.Invoke(first, second) ?? served.ConsistencyProof(first, second));
    }

    public Task<IReadOnlyList<LogEntry>> EntriesAsync(LogId log, ulong start, ulong finish, CancellationToken cancellationToken)
    {
        Answer(cancellationToken);
        EntryCalls++;
        var entries = served.Entries(start, finish);
        return Task.FromResult(OnEntries?.Invoke(entries) ?? entries);
    }

    public Task<IReadOnlyList<Sha256Digest>> MapHistoryLeavesAsync(
        LogId log,
        ulong start,
        ulong finish,
        CancellationToken cancellationToken
    )
    {
        Answer(cancellationToken);
        var leaves = served.MapHistoryLeaves(start, finish);
        return Task.FromResult(OnMapHistory?.Invoke(leaves) ?? leaves);
    }

    public Task<MapAnswer?> MapValueAsync(LogId log, ReadOnlyMemory<byte> key, Sha256Digest mapRoot, CancellationToken cancellationToken)
    {
        Answer(cancellationToken);
        return Task.FromResult(OnMapValue is null ? served.MapValue(key.Span, mapRoot) : OnMapValue(key, mapRoot));
    }

    public async Task<ReadOnlyMemory<byte>> ValueAsync(Sha256Digest digest, CancellationToken cancellationToken)
    {
        Answer(cancellationToken);
        Interlocked.Increment(ref _valueCalls);
        var value = await served.ValueAsync(digest, cancellationToken);
        value = OnValue is null ? value : OnValue(digest, value);
        return value ?? throw new LogSourceException("no such value");
    }

    void Answer(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (IsDown)
        {
            throw new LogSourceException("connection refused");
        }
    }
}
