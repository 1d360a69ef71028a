using System.Text;
using Quorate.Core;
using Quorate.Log.Tiles;

namespace Quorate.Log.Portable;

/// <summary>One entry of a portable directory, its value checked against its digest.</summary>
readonly record struct PortableEntry(byte[] Key, Sha256Digest Digest, ReadOnlyMemory<byte>? Value);

/// <summary>Reads a portable directory. Everything in it is foreign: lengths are limited, and nothing counts that does not hash to the signed head.</summary>
sealed class PortableLog
{
    const long LargestValue = 1L << 30;
    const int LargestText = 4096;
    const int ByDigest = -1;

    readonly string _folder;

    PortableLog(string folder, LogIdentity identity, LogHead head) => (_folder, Identity, Head) = (folder, identity, head);

    internal LogIdentity Identity { get; }

    internal LogHead Head { get; }

    /// <summary>The origin of its checkpoints, where it has one.</summary>
    internal string? Origin =>
        File.Exists(Path.Combine(_folder, PortableFiles.Origin))
            ? Encoding.UTF8.GetString(PortableFiles.Read(_folder, PortableFiles.Origin, LargestText)).TrimEnd('\n')
            : null;

    /// <exception cref="PortableLogException">It is none, is unfinished, or its head is not signed.</exception>
    internal static PortableLog Open(string folder)
    {
        var identity =
            LogIdentityFile.TryParse(PortableFiles.Read(folder, PortableFiles.Identity, LargestText))
            ?? throw new PortableLogException($"{Path.Combine(folder, PortableFiles.Identity)}: does not say whose log this is");
        var head =
            HeadJson.TryRead(PortableFiles.Read(folder, PortableFiles.Head, HeadJson.MaxBytes))
            ?? throw new PortableLogException($"{Path.Combine(folder, PortableFiles.Head)}: not a head");
        return head.Verify(identity.Key).IsVerified
            ? new PortableLog(folder, identity, head)
            : throw new PortableLogException($"{Path.Combine(folder, PortableFiles.Head)}: not signed by the log's key");
    }

    /// <summary>All heads, or null where the directory has none but the newest.</summary>
    internal IEnumerable<LogHead>? Heads() => Directory.Exists(Path.Combine(_folder, "heads")) ? ReadHeads() : null;

    internal Sha256Digest[] MapHistory()
    {
        var bytes = PortableFiles.Read(_folder, PortableFiles.MapHistory, int.MaxValue);
        if ((ulong)bytes.Length != Head.MhTreeSize * Sha256Digest.Size)
        {
            throw new PortableLogException($"{Path.Combine(_folder, PortableFiles.MapHistory)}: not {Head.MhTreeSize} hashes");
        }
        var leaves = new Sha256Digest[bytes.Length / Sha256Digest.Size];
        for (var i = 0; i < leaves.Length; i++)
        {
            leaves[i] = new Sha256Digest(bytes.AsSpan(i * Sha256Digest.Size, Sha256Digest.Size));
        }
        return leaves;
    }

    internal IEnumerable<PortableEntry> Entries()
    {
        var places = new BundleEntry[TileNumber.FullWidth];
        var values = new BundleEntry[TileNumber.FullWidth];
        for (var n = 0UL; n < TileLayout.Tiles(0, Head.TreeSize); n++)
        {
            var number = TileLayout.At(0, n, Head.TreeSize);
            var (entryPath, valuePath) = (TileLayout.EntriesPath(number), PortableFiles.ValuesPath(number));
            var entryBundle = PortableFiles.Read(_folder, entryPath, EntryBundle.MaxLength);
            var valueBundle = PortableFiles.Read(_folder, valuePath, ValueBundle.MaxLength);
            if (!EntryBundle.TrySplit(entryBundle, places.AsSpan(0, number.Width)))
            {
                throw Bad(entryPath, $"not {number.Width} entries");
            }
            if (!ValueBundle.TrySplit(valueBundle, values.AsSpan(0, number.Width)))
            {
                throw Bad(valuePath, $"not {number.Width} values");
            }
            for (var i = 0; i < number.Width; i++)
            {
                if (!LeafData.TrySplit(entryBundle.AsSpan(places[i].Start, places[i].Length), out var key, out var digest))
                {
                    throw Bad(entryPath, $"entry {i} is not a key and a digest");
                }
                var value = Value(valueBundle, values[i], digest);
                if (value is { } held && Sha256Digest.HashData(held.Span) != digest)
                {
                    throw Bad(valuePath, $"value {i} does not have the digest of its entry");
                }
                yield return new PortableEntry(key.ToArray(), digest, value);
            }
        }
    }

    ReadOnlyMemory<byte>? Value(byte[] bundle, BundleEntry place, in Sha256Digest digest) =>
        // A negative length says why there are no bytes.
        place.Length >= 0
            ? bundle.AsMemory(place.Start, place.Length)
        : place.Length == ByDigest ? PortableFiles.Read(_folder, PortableFiles.ValuePath(digest), LargestValue)
        : null;

    IEnumerable<LogHead> ReadHeads()
    {
        for (var n = 0UL; n < TileLayout.Tiles(0, Head.MhTreeSize); n++)
        {
            var number = TileLayout.At(0, n, Head.MhTreeSize);
            var path = PortableFiles.HeadsPath(number);
            var bytes = PortableFiles.Read(_folder, path, TileNumber.FullWidth * HeadRecordBundle.RecordSize);
            if (!HeadRecordBundle.TryRead(bytes, number.Width, out var heads))
            {
                throw Bad(path, $"not {number.Width} heads");
            }
            foreach (var head in heads)
            {
                yield return head;
            }
        }
    }

    PortableLogException Bad(string path, string what) => new($"{Path.Combine(_folder, path)}: {what}");
}
