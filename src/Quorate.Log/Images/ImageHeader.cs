using System.Buffers.Binary;
using Quorate.Core;
using Quorate.Log.Storage;

namespace Quorate.Log.Images;

/// <summary>What a section of a state image holds; the number is its place in the header's table.</summary>
enum ImageSection
{
    Tree,
    MapHistory,
    Positions,
    Heads,
    Map,
    Values,
    StoreHashes,
    MapRoots,
    Later,
    Strays,
    Unheld,
}

/// <summary>Where a section lies, and the SHA-256 of its bytes.</summary>
readonly record struct SectionPlace(long Offset, long Length, Sha256Digest Hash);

/// <summary>The first page of a state image (docs/formats/state-image.md). Written last, so that half an image has none.</summary>
/// <param name="Frame">The frame that carries the head.</param>
/// <param name="HeadCount">Heads up to and with this one.</param>
/// <param name="Bytes">Of keys and values under the head.</param>
sealed record ImageHeader(Sha256Digest Log, FramePosition Frame, LogHead Head, ulong HeadCount, ulong Bytes, SectionPlace[] Sections)
{
    internal const int Size = 4096;
    internal const int Version = 1;
    internal const int SectionCount = (int)ImageSection.Unheld + 1;

    const int TableOffset = 248;
    const int PlaceSize = 16 + Sha256Digest.Size;
    const int HashOffset = Size - Sha256Digest.Size;

    static ReadOnlySpan<byte> Magic => "QUORIMG\n"u8;

    internal byte[] Write()
    {
        var page = new byte[Size];
        Magic.CopyTo(page);
        BinaryPrimitives.WriteInt32LittleEndian(page.AsSpan(8), Version);
        BinaryPrimitives.WriteInt32LittleEndian(page.AsSpan(12), SectionCount);
        Log.CopyTo(page.AsSpan(16));
        BinaryPrimitives.WriteInt64LittleEndian(page.AsSpan(48), Frame.Value);
        LogFrame.WriteHead(page.AsSpan(56), Head);
        BinaryPrimitives.WriteUInt64LittleEndian(page.AsSpan(232), HeadCount);
        BinaryPrimitives.WriteUInt64LittleEndian(page.AsSpan(240), Bytes);
        for (var i = 0; i < SectionCount; i++)
        {
            var place = page.AsSpan(TableOffset + i * PlaceSize);
            BinaryPrimitives.WriteInt64LittleEndian(place, Sections[i].Offset);
            BinaryPrimitives.WriteInt64LittleEndian(place[8..], Sections[i].Length);
            Sections[i].Hash.CopyTo(place[16..]);
        }
        Sha256Digest.HashData(page.AsSpan(0, HashOffset)).CopyTo(page.AsSpan(HashOffset));
        return page;
    }

    /// <param name="fileLength">Sections must lie inside, one behind the other, and fill the file.</param>
    /// <exception cref="MalformedException">The page is not one that <see cref="Write"/> makes.</exception>
    internal static ImageHeader Read(ReadOnlySpan<byte> page, long fileLength)
    {
        if (page.Length != Size || !page.StartsWith(Magic))
        {
            throw new MalformedException("it has no header");
        }
        if (!Sha256Digest.HashData(page[..HashOffset]).AsSpan().SequenceEqual(page[HashOffset..]))
        {
            throw new MalformedException("its header is damaged");
        }
        var version = BinaryPrimitives.ReadInt32LittleEndian(page[8..]);
        if (version != Version || BinaryPrimitives.ReadInt32LittleEndian(page[12..]) != SectionCount)
        {
            throw new MalformedException($"it has version {version}; this program reads version {Version}");
        }
        var sections = new SectionPlace[SectionCount];
        long next = Size;
        for (var i = 0; i < SectionCount; i++)
        {
            var place = page[(TableOffset + i * PlaceSize)..];
            var length = BinaryPrimitives.ReadInt64LittleEndian(place[8..]);
            sections[i] = new SectionPlace(
                BinaryPrimitives.ReadInt64LittleEndian(place),
                length,
                new Sha256Digest(place.Slice(16, Sha256Digest.Size))
            );
            if (sections[i].Offset != next || length < 0 || length > fileLength - next)
            {
                throw new MalformedException($"it is cut: section {(ImageSection)i} is not whole");
            }
            next += length;
        }
        if (next != fileLength)
        {
            throw new MalformedException($"it has {fileLength} bytes, not {next}");
        }
        var head = LogFrame.ReadHead(page.Slice(56, LogFrame.HeadSize));
        var heads = BinaryPrimitives.ReadUInt64LittleEndian(page[232..]);
        if (Math.Max(Math.Max(head.TreeSize, head.MhTreeSize), heads) > int.MaxValue || heads == 0)
        {
            throw new MalformedException("its sizes are no log's");
        }
        return new ImageHeader(
            new Sha256Digest(page.Slice(16, Sha256Digest.Size)),
            new FramePosition(BinaryPrimitives.ReadInt64LittleEndian(page[48..])),
            head,
            heads,
            BinaryPrimitives.ReadUInt64LittleEndian(page[240..]),
            sections
        );
    }
}
