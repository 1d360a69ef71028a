using System.Text;
using Quorate.Log;
using Quorate.Log.Checking;
using Quorate.Log.Storage;

namespace Quorate.EndToEnd.Durability;

/// <summary>What is in a log's folder that a killed process left behind.</summary>
/// <param name="Heads">By the size of their map history, to which every head adds.</param>
/// <param name="Entries"><c>key=digest</c> of each.</param>
sealed record KilledFolder(IReadOnlyDictionary<ulong, LogHead> Heads, IReadOnlySet<string> Entries)
{
    /// <summary>Runs the full check, which must find nothing. A folder that was not made yet is empty.</summary>
    public static KilledFolder Check(string folder, LogIdentity identity)
    {
        var heads = new Dictionary<ulong, LogHead>();
        var entries = new HashSet<string>(StringComparer.Ordinal);
        if (!Directory.Exists(folder))
        {
            return new KilledFolder(heads, entries);
        }
        var report = LogChecker.Run(folder, identity, WriteAheadDisk.Real, null, TestContext.Current.CancellationToken);
        Assert.True(report.IsIntact, string.Join('\n', report.Damage));
        using var scan = FrameScan.Open(folder, identity.Id.ToDigest(), WriteAheadDisk.Real);
        foreach (var stored in scan.Frames())
        {
            Assert.True(LogFrame.TryRead(stored.Payload, out var frame, out var error), error);
            foreach (var item in frame!)
            {
                entries.Add($"{Encoding.UTF8.GetString(item.Key.Span)}={item.Record.Digest}");
            }
            if (frame.Head is { } head)
            {
                heads.Add(head.MhTreeSize, head);
            }
        }
        return new KilledFolder(heads, entries);
    }

    /// <summary>Everything that the mirror has is in this log.</summary>
    public void AssertHolds(KilledFolder mirror)
    {
        Assert.All(mirror.Heads.Values, head => Assert.Equal(Heads.GetValueOrDefault(head.MhTreeSize), head));
        Assert.Empty(mirror.Entries.Where(e => !Entries.Contains(e)).Take(5));
    }
}
