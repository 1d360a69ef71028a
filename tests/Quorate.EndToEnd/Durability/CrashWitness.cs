using System.Globalization;
using Quorate.Core;
using Quorate.Core.Encodings;
using Quorate.Log;
using Quorate.Log.Checking;
using Quorate.Log.Storage;

namespace Quorate.EndToEnd.Durability;

/// <summary>Keeps everything that a worker ever said, and holds its files against it.</summary>
sealed class CrashWitness(LogIdentity identity)
{
    // The size of the map history names a head: every head adds to it.
    readonly Dictionary<ulong, LogHead> _published = [];
    readonly Dictionary<ulong, LogHead> _mirrored = [];
    readonly HashSet<string> _entries = new(StringComparer.Ordinal);

    public int Heads => _published.Count;

    public int Entries => _entries.Count;

    /// <summary>Takes what a worker wrote until it was killed; its last line may be cut.</summary>
    public void Heard(string output)
    {
        foreach (var line in output[..(output.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var words = line.Split(' ');
            if (words[0] == "entries")
            {
                _entries.UnionWith(words[1..]);
                continue;
            }
            var heads = words[0] == "published" ? _published : _mirrored;
            var head = Parse(words);
            Assert.True(head.Verify(identity.Key).IsVerified, line);
            if (!heads.TryAdd(head.MhTreeSize, head))
            {
                Assert.Equal(heads[head.MhTreeSize], head);
            }
        }
    }

    /// <summary>The folders as the killed process left them: whole, with everything in them that was said.</summary>
    public void CheckFolders(string state)
    {
        var published = Path.Combine(state, "logs", identity.Id.Text);
        var mirror = Path.Combine(state, "mirrors", identity.Id.Text);
        var (heads, entries) = CheckFolder(published);
        Assert.All(_published.Values, head => Assert.Equal(head, heads.GetValueOrDefault(head.MhTreeSize)));
        Assert.Empty(_entries.Where(e => !entries.Contains(e)).Take(5));
        var (mirroredHeads, mirroredEntries) = CheckFolder(mirror);
        Assert.All(_mirrored.Values, head => Assert.Equal(head, mirroredHeads.GetValueOrDefault(head.MhTreeSize)));
        // Whatever a mirror verified was signed, so it was durable before.
        Assert.All(mirroredHeads.Values, head => Assert.Equal(heads.GetValueOrDefault(head.MhTreeSize), head));
        Assert.Empty(mirroredEntries.Where(e => !entries.Contains(e)).Take(5));
    }

    (Dictionary<ulong, LogHead> Heads, HashSet<string> Entries) CheckFolder(string folder)
    {
        var heads = new Dictionary<ulong, LogHead>();
        var entries = new HashSet<string>(StringComparer.Ordinal);
        // A worker that was killed at once may not have made it.
        if (!Directory.Exists(folder))
        {
            return (heads, entries);
        }
        var report = LogChecker.Run(folder, identity, WriteAheadDisk.Real, null, TestContext.Current.CancellationToken);
        Assert.True(report.IsIntact, string.Join('\n', report.Damage));
        using var scan = FrameScan.Open(folder, identity.Id.ToDigest(), WriteAheadDisk.Real);
        foreach (var stored in scan.Frames())
        {
            Assert.True(LogFrame.TryRead(stored.Payload, out var frame, out var error), error);
            foreach (var item in frame!)
            {
                entries.Add($"{System.Text.Encoding.UTF8.GetString(item.Key.Span)}={item.Record.Digest}");
            }
            if (frame.Head is { } head)
            {
                heads.Add(head.MhTreeSize, head);
            }
        }
        return (heads, entries);
    }

    static LogHead Parse(string[] words)
    {
        Assert.True(Sha256Digest.TryParseHex(words[2], out var root));
        Assert.True(Sha256Digest.TryParseHex(words[3], out var map));
        Assert.True(Sha256Digest.TryParseHex(words[5], out var history));
        Assert.True(Hex.TryDecode(words[6], 64, out var signature));
        var size = ulong.Parse(words[1], CultureInfo.InvariantCulture);
        return new LogHead(root, size, map, history, ulong.Parse(words[4], CultureInfo.InvariantCulture), signature);
    }
}
