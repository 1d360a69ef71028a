using System.Buffers.Binary;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Quorate.Core.Files;

/// <summary>A file's time as the kernel keeps it.</summary>
readonly record struct RawTime(long Seconds, uint Nanoseconds);

/// <summary>What the file system says of a name, beyond its content.</summary>
/// <param name="Changed">Set by the kernel whenever content, name count or anything else in here changes; no call sets it to a wanted time.</param>
readonly record struct RawStamp(RawKind Kind, ushort Mode, ulong Device, ulong Inode, ulong Size, RawTime Modified, RawTime Changed);

/// <summary>
/// What the file system says of every name in a tree, without a look into the files: name, mode, device, inode, size, and the times of the last
/// modification and of the last change. Whoever writes to a file of the tree by way of the file system changes its stamp, also when the times that
/// programs may set are set back.
/// </summary>
/// <param name="Digest">Over all of it.</param>
/// <param name="Changed">The latest change of anything in the tree.</param>
public readonly record struct TreeStamp(Sha256Digest Digest, DateTimeOffset Changed)
{
    /// <summary>As deep as a Nix archive may be.</summary>
    const int MaxDepth = 64;

    const int FieldsLength = 2 + 8 + 8 + 8 + 12 + 12;

    /// <exception cref="IOException">There is nothing, or it cannot be looked at.</exception>
    /// <exception cref="MalformedException">The tree is nested too deeply.</exception>
    public static TreeStamp Of(string path, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var root = RawTree.Stamp(path);
        var latest = root.Changed;
        Add(hash, [], root);
        if (root.Kind == RawKind.Directory)
        {
            using var folder = RawTree.Open(path, directory: true);
            Walk(hash, folder, path, depth: 1, ref latest, cancellationToken);
        }
        return new TreeStamp(new Sha256Digest(hash.GetHashAndReset()), TimeOf(latest));
    }

    static void Walk(
        IncrementalHash hash,
        SafeFileHandle folder,
        string shown,
        int depth,
        ref RawTime latest,
        CancellationToken cancellationToken
    )
    {
        if (depth == MaxDepth)
        {
            throw new MalformedException($"{shown}: nested more than {MaxDepth} deep");
        }
        var names = RawTree.Names(folder);
        names.Sort(static (left, right) => left.AsSpan().SequenceCompareTo(right));
        foreach (var name in names)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var stamp = RawTree.Stamp(folder, name);
            if ((stamp.Changed.Seconds, stamp.Changed.Nanoseconds).CompareTo((latest.Seconds, latest.Nanoseconds)) > 0)
            {
                latest = stamp.Changed;
            }
            Add(hash, name, stamp);
            if (stamp.Kind == RawKind.Directory)
            {
                using var inner = RawTree.Open(folder, name, directory: true);
                Walk(hash, inner, shown, depth + 1, ref latest, cancellationToken);
            }
        }
        // An end, so that no two trees give the same bytes: no name is this long.
        Add(hash, name: null, default);
    }

    static void Add(IncrementalHash hash, byte[]? name, RawStamp stamp)
    {
        Span<byte> fields = stackalloc byte[4 + FieldsLength];
        BinaryPrimitives.WriteInt32LittleEndian(fields, name?.Length ?? -1);
        BinaryPrimitives.WriteUInt16LittleEndian(fields[4..], stamp.Mode);
        BinaryPrimitives.WriteUInt64LittleEndian(fields[6..], stamp.Device);
        BinaryPrimitives.WriteUInt64LittleEndian(fields[14..], stamp.Inode);
        BinaryPrimitives.WriteUInt64LittleEndian(fields[22..], stamp.Size);
        Write(fields[30..], stamp.Modified);
        Write(fields[42..], stamp.Changed);
        hash.AppendData(fields);
        hash.AppendData(name ?? []);
    }

    static void Write(Span<byte> field, RawTime time)
    {
        BinaryPrimitives.WriteInt64LittleEndian(field, time.Seconds);
        BinaryPrimitives.WriteUInt32LittleEndian(field[8..], time.Nanoseconds);
    }

    /// <summary>To the next 100 ns; times beyond the calendar become its ends.</summary>
    static DateTimeOffset TimeOf(RawTime time) =>
        time.Seconds < 0 ? DateTimeOffset.MinValue
        : time.Seconds > DateTimeOffset.MaxValue.ToUnixTimeSeconds() - 1 ? DateTimeOffset.MaxValue
        : DateTimeOffset.FromUnixTimeSeconds(time.Seconds).AddTicks(time.Nanoseconds / 100 + 1);
}
