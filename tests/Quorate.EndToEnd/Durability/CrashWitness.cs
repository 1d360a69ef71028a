using System.Globalization;
using Quorate.Core;
using Quorate.Core.Encodings;
using Quorate.Log;

namespace Quorate.EndToEnd.Durability;

/// <summary>Keeps everything that a worker ever said, and holds its files against it.</summary>
sealed class CrashWitness(LogIdentity identity)
{
    // The size of the map history names a head: every head adds to it.
    readonly Dictionary<ulong, LogHead> _published = [];
    readonly Dictionary<ulong, LogHead> _mirrored = [];
    readonly HashSet<string> _entries = new(StringComparer.Ordinal);

    public Protocol Protocol => identity.Protocol;

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
        var log = KilledFolder.Check(published, identity);
        Assert.All(_published.Values, head => Assert.Equal(head, log.Heads.GetValueOrDefault(head.MhTreeSize)));
        Assert.Empty(_entries.Where(e => !log.Entries.Contains(e)).Take(5));
        var copy = KilledFolder.Check(mirror, identity);
        Assert.All(_mirrored.Values, head => Assert.Equal(head, copy.Heads.GetValueOrDefault(head.MhTreeSize)));
        // Whatever a mirror verified was signed, so it was durable before.
        log.AssertHolds(copy);
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
