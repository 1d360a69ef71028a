using System.Buffers.Binary;
using Quorate.Core;
using Quorate.Core.Files;
using Quorate.Log;

namespace Quorate.Node.Subscriptions;

/// <summary>When a head of some size was first verified here.</summary>
readonly record struct SizeSeen(ulong TreeSize, DateTimeOffset At);

/// <summary>
/// What a log followed in query mode leaves on disk: the newest verified head, against which the next one must be consistent, and when which
/// size was first seen. Layout: the line <c>quorate-query-head 1</c>, the head (176 bytes, its roots and sizes as signed, then the signature),
/// then pairs of size and Unix milliseconds, all integers LE64; replaced as a whole.
/// </summary>
sealed class VerifiedHeadFile(string path)
{
    /// <summary>More would grow without bound on a busy log; see <see cref="Thin"/>.</summary>
    const int MostSizes = 4096;
    const int HeadLength = 176;

    static ReadOnlySpan<byte> Magic => "quorate-query-head 1\n"u8;

    /// <exception cref="MalformedException">The file is not what <see cref="Write"/> wrote, or its head is not the log's.</exception>
    public (LogHead? Head, List<SizeSeen> Seen) Read(LogIdentity identity)
    {
        if (!File.Exists(path))
        {
            return (null, []);
        }
        ReadOnlySpan<byte> bytes = File.ReadAllBytes(path);
        if (!bytes.StartsWith(Magic) || bytes.Length < Magic.Length + HeadLength || (bytes.Length - Magic.Length - HeadLength) % 16 != 0)
        {
            throw new MalformedException(
                $"{path} is not the verified head of a followed log; remove it to trust the remote's next head afresh"
            );
        }
        var head = ReadHead(bytes.Slice(Magic.Length, HeadLength));
        if (!head.Verify(identity.Key).IsVerified)
        {
            throw new MalformedException(
                $"{path} holds a head that log {identity.Id} did not sign; remove it to trust the remote's next head afresh"
            );
        }
        var seen = new List<SizeSeen>();
        for (var rest = bytes[(Magic.Length + HeadLength)..]; rest.Length > 0; rest = rest[16..])
        {
            var milliseconds = BinaryPrimitives.ReadInt64LittleEndian(rest[8..]);
            if (milliseconds is < 0 or > 253_402_300_799_999)
            {
                throw new MalformedException($"{path} holds a time that cannot be");
            }
            seen.Add(new SizeSeen(BinaryPrimitives.ReadUInt64LittleEndian(rest), DateTimeOffset.FromUnixTimeMilliseconds(milliseconds)));
        }
        return (head, seen);
    }

    public void Write(LogHead head, List<SizeSeen> seen)
    {
        Thin(seen);
        var bytes = new byte[Magic.Length + HeadLength + 16 * seen.Count];
        Magic.CopyTo(bytes);
        var rest = bytes.AsSpan(Magic.Length);
        WriteHead(head, rest);
        rest = rest[HeadLength..];
        foreach (var (size, at) in seen)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(rest, size);
            BinaryPrimitives.WriteInt64LittleEndian(rest[8..], at.ToUnixTimeMilliseconds());
            rest = rest[16..];
        }
        Directory.CreateDirectory(Path.GetDirectoryName(path)!, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        DurableFile.Replace(path, bytes, DurableFile.Private);
    }

    /// <summary>
    /// Leaves out every other size of the older half. An entry then counts as first seen with the next size that is left: later than it was,
    /// which can only cost it a <c>before</c> condition and never win it one.
    /// </summary>
    static void Thin(List<SizeSeen> seen)
    {
        if (seen.Count <= MostSizes)
        {
            return;
        }
        var kept = seen.Where((_, i) => i >= MostSizes / 2 || i % 2 == 1).ToList();
        seen.Clear();
        seen.AddRange(kept);
    }

    static LogHead ReadHead(ReadOnlySpan<byte> bytes) =>
        new(
            new Sha256Digest(bytes[..32]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[32..]),
            new Sha256Digest(bytes[40..72]),
            new Sha256Digest(bytes[72..104]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[104..]),
            bytes[112..].ToArray()
        );

    static void WriteHead(LogHead head, Span<byte> bytes)
    {
        head.LogRoot.CopyTo(bytes);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[32..], head.TreeSize);
        head.MapRoot.CopyTo(bytes[40..]);
        head.MhRoot.CopyTo(bytes[72..]);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[104..], head.MhTreeSize);
        head.Signature.Span.CopyTo(bytes[112..]);
    }
}
