using Quorate.Core;

namespace Quorate.Log.Mirroring;

/// <summary>
/// Fetches values during one synchronisation, several at a time, from whichever remote has them. A value that no remote gives is not an error; a remote that gives
/// other bytes, or keeps failing, is asked no more.
/// </summary>
sealed class ValueFetcher(
    IReadOnlyList<ILogSource> remotes,
    MirrorLimits limits,
    int concurrency,
    TimeProvider time,
    Action<RemoteFault> report
)
{
    /// <summary>A value that took longer counts like a failure as long as another remote may be quicker.</summary>
    static readonly TimeSpan s_slow = TimeSpan.FromSeconds(5);

    /// <summary>A remote that fails this often in a row is down, or withholds everything: the rest must not wait for it.</summary>
    const int MaxFailuresInARow = 16;

    /// <summary>No further value is started once this many bytes wait to be written.</summary>
    const long Budget = 16 << 20;

    /// <summary>However high the limit is set: a value must fit one frame.</summary>
    const int LargestStorable = 128 << 20;

    readonly int _maxValue = Math.Min(limits.MaxValueBytes, LargestStorable);
    readonly int[] _failuresInARow = new int[remotes.Count];

    /// <summary>
    /// Fetches values in order until all are there or enough bytes are: the result may be shorter than <paramref name="digests"/>. Null means withheld, or not wanted.
    /// </summary>
    internal async Task<ReadOnlyMemory<byte>?[]> FetchAsync(IReadOnlyList<Sha256Digest?> digests, CancellationToken cancellationToken)
    {
        var values = new ReadOnlyMemory<byte>?[digests.Count];
        var next = -1;
        long bytes = 0;
        async Task WorkAsync()
        {
            while (Volatile.Read(ref bytes) < Budget && Interlocked.Increment(ref next) is var i && i < digests.Count)
            {
                if (digests[i] is { } digest)
                {
                    values[i] = await FetchAsync(digest, cancellationToken);
                    Interlocked.Add(ref bytes, values[i]?.Length ?? 0);
                }
            }
        }
        await Task.WhenAll(Enumerable.Range(0, Math.Min(concurrency, digests.Count)).Select(_ => WorkAsync()));
        // Every index that was taken has been finished.
        return values[..Math.Min(digests.Count, next + 1)];
    }

    async Task<ReadOnlyMemory<byte>?> FetchAsync(Sha256Digest digest, CancellationToken cancellationToken)
    {
        for (var i = 0; i < remotes.Count; i++)
        {
            if (Volatile.Read(ref _failuresInARow[i]) >= MaxFailuresInARow)
            {
                continue;
            }
            try
            {
                var asked = time.GetTimestamp();
                var value = await remotes[i].ValueAsync(digest, cancellationToken);
                if (value.Length > _maxValue)
                {
                    report(new RemoteFault(remotes[i].Remote, "limit", $"the value {digest} has {value.Length} bytes"));
                }
                else if (Sha256Digest.HashData(value.Span) != digest)
                {
                    Volatile.Write(ref _failuresInARow[i], MaxFailuresInARow);
                    report(new RemoteFault(remotes[i].Remote, "bad-value", $"bytes that do not hash to {digest}"));
                }
                else
                {
                    if (time.GetElapsedTime(asked) <= s_slow || !IsAnotherLeft(i))
                    {
                        Volatile.Write(ref _failuresInARow[i], 0);
                    }
                    else if (Interlocked.Increment(ref _failuresInARow[i]) == MaxFailuresInARow)
                    {
                        report(new RemoteFault(remotes[i].Remote, "slow", $"more than {s_slow.TotalSeconds:0} s for each value"));
                    }
                    return value;
                }
            }
            catch (LogSourceException e)
            {
                if (Interlocked.Increment(ref _failuresInARow[i]) == MaxFailuresInARow)
                {
                    report(new RemoteFault(remotes[i].Remote, "unreachable", $"no values: {e.Message}"));
                }
            }
        }
        return null;
    }

    bool IsAnotherLeft(int remote)
    {
        for (var i = 0; i < remotes.Count; i++)
        {
            if (i != remote && Volatile.Read(ref _failuresInARow[i]) < MaxFailuresInARow)
            {
                return true;
            }
        }
        return false;
    }
}
