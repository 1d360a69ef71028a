using System.Text;
using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Log;
using Xunit;

namespace Quorate.Tests.Log.Durability;

/// <summary>What somebody outside was told of a log, which it may never take back.</summary>
sealed class AcknowledgedLog(LogIdentity identity)
{
    readonly List<(string Key, string Value)> _entries = [];
    LogHead? _newest;

    /// <summary>Notes a head that was shown; it must extend everything shown before.</summary>
    public void Saw(ILogView log)
    {
        var head = log.Head!;
        Assert.True(head.Verify(identity.Key).IsVerified, "a head without its signature");
        if (_newest is { } earlier)
        {
            AssertExtends(log, earlier, head);
        }
        _newest = head;
    }

    /// <summary>Notes entries that a head now covers.</summary>
    public void Acknowledged(IEnumerable<(string Key, string Value)> entries) => _entries.AddRange(entries);

    /// <summary>Nothing acknowledged is lost, and no head contradicts an earlier one.</summary>
    public async Task CheckAsync(ILogView log, CancellationToken cancellationToken)
    {
        if (_newest is null && log.Head is null)
        {
            return;
        }
        Saw(log);
        foreach (var (key, value) in _entries)
        {
            var digest = Sha256Digest.HashData(Encoding.UTF8.GetBytes(value));
            Assert.Contains(log.EntriesOf(Encoding.UTF8.GetBytes(key)), e => e.ValueDigest == digest);
            var stored = await log.ValueAsync(digest, cancellationToken);
            Assert.Equal(value, Encoding.UTF8.GetString(stored!.Value.Span));
        }
    }

    static void AssertExtends(ILogView log, LogHead earlier, LogHead later)
    {
        Assert.True(
            later.TreeSize >= earlier.TreeSize && later.MhTreeSize >= earlier.MhTreeSize,
            $"a head of {later.TreeSize} entries and {later.MhTreeSize} heads after one of {earlier.TreeSize} and {earlier.MhTreeSize}"
        );
        AssertConsistent(earlier.TreeSize, later.TreeSize, earlier.LogRoot, later.LogRoot, log.ConsistencyProof);
        AssertConsistent(earlier.MhTreeSize, later.MhTreeSize, earlier.MhRoot, later.MhRoot, log.MapHistoryConsistencyProof);
        Assert.True(earlier.TreeSize != later.TreeSize || earlier.MapRoot == later.MapRoot, "two map roots for one size");
    }

    static void AssertConsistent(
        ulong first,
        ulong second,
        in Sha256Digest firstRoot,
        in Sha256Digest secondRoot,
        Func<ulong, ulong, IReadOnlyList<Sha256Digest>> proof
    )
    {
        if (first > 0)
        {
            var verification = MerkleProof.VerifyConsistency(first, second, firstRoot, secondRoot, proof(first, second));
            Assert.True(verification.IsVerified, verification.ToString());
        }
    }
}
