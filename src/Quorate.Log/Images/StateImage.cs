using Microsoft.Win32.SafeHandles;
using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Log.Indexing;
using Quorate.Log.Storage;

namespace Quorate.Log.Images;

/// <summary>What an image is made of: taken by the writer in an instant; what is large is read from the state later, beside the writer.</summary>
/// <param name="Frame">The frame that carries the head.</param>
/// <param name="Bytes">Of keys and values under the head.</param>
sealed record ImageContents(
    LogHead Head,
    FramePosition Frame,
    ulong HeadCount,
    ulong Bytes,
    MapVersion Map,
    KeyValuePair<Sha256Digest, FramePosition>[] Strays,
    Sha256Digest[] Unheld
);

/// <summary>
/// The file <c>state.img</c>: everything that is in memory under one head, and how far the columns beside it can be believed (docs/formats/state-image.md).
/// </summary>
sealed class StateImage : IDisposable
{
    readonly WriteAheadDisk _disk;
    readonly SafeFileHandle _file;
    readonly string _path;

    StateImage(WriteAheadDisk disk, SafeFileHandle file, string path, ImageHeader header) =>
        (_disk, _file, _path, Header) = (disk, file, path, header);

    internal ImageHeader Header { get; }

    /// <summary>Writes an image in place of the one that is there, which stays until the new one is durable. Beside the writer.</summary>
    /// <exception cref="IOException">The old image is untouched, or the new one is not durable yet.</exception>
    internal static void Write(LogState state, ImageContents contents, DerivedFolder folder, Sha256Digest log)
    {
        // The image vouches for the columns, so they come first.
        folder.Sync();
        try
        {
            WriteNew(state, contents, folder, log);
        }
        catch (IOException)
        {
            // It may be what fills the disk.
            folder.DeleteNewImage();
            throw;
        }
    }

    static void WriteNew(LogState state, ImageContents contents, DerivedFolder folder, Sha256Digest log)
    {
        var (disk, path) = (folder.Disk, folder.NewImagePath);
        using (var file = disk.Open(path, FileMode.Create, FileAccess.ReadWrite))
        {
            var places = new SectionPlace[ImageHeader.SectionCount];
            long next = ImageHeader.Size;
            for (var i = 0; i < places.Length; i++)
            {
                using var section = new SectionWriter(disk, file, path, next);
                state.Save((ImageSection)i, contents, section);
                places[i] = section.End();
                next += places[i].Length;
            }
            var header = new ImageHeader(log, contents.Frame, contents.Head, contents.HeadCount, contents.Bytes, places);
            disk.Write(file, path, header.Write(), 0);
            disk.DataSync(file, path);
        }
        if (folder.IsDistrusted)
        {
            throw new IOException($"{folder.Path} is not what was written; no image may vouch for it");
        }
        disk.Move(path, folder.ImagePath);
        disk.DirectorySync(folder.Path);
    }

    /// <summary>Null when there is none.</summary>
    /// <exception cref="MalformedException">It is not an image of this log.</exception>
    internal static StateImage? Open(DerivedFolder folder, Sha256Digest log)
    {
        if (!File.Exists(folder.ImagePath))
        {
            return null;
        }
        var (disk, path) = (folder.Disk, folder.ImagePath);
        var file = disk.Open(path, FileMode.Open, FileAccess.Read);
        try
        {
            var page = new byte[ImageHeader.Size];
            var got = disk.Read(file, path, page, 0);
            var header = ImageHeader.Read(page.AsSpan(0, got), disk.Length(file, path));
            return header.Log == log
                ? new StateImage(disk, file, path, header)
                : throw new MalformedException($"it is of log {header.Log}, not of {log}");
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Reads a section; it is checked when <paramref name="read"/> has taken all of it.</summary>
    /// <exception cref="MalformedException">It is not what was written.</exception>
    internal T Read<T>(ImageSection section, Func<SectionReader, T> read)
    {
        using var reader = new SectionReader(_disk, _file, _path, section, Header.Sections[(int)section]);
        try
        {
            var result = read(reader);
            reader.End();
            return result;
        }
        catch (EndOfStreamException e)
        {
            throw new MalformedException($"its section {section} is cut", e);
        }
    }

    /// <summary>Reads all sections and believes none; gives the bytes of each part.</summary>
    /// <exception cref="MalformedException">It is not what was written.</exception>
    internal IEnumerable<int> CheckStored()
    {
        var buffer = new byte[1 << 16];
        for (var i = 0; i < ImageHeader.SectionCount; i++)
        {
            using var reader = new SectionReader(_disk, _file, _path, (ImageSection)i, Header.Sections[i]);
            for (int read; (read = reader.Read(buffer)) > 0; )
            {
                yield return read;
            }
            reader.End();
        }
    }

    public void Dispose() => _file.Dispose();
}
