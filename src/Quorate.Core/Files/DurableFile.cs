using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Quorate.Core.Files;

/// <summary>
/// Small files that are either wholly there or not at all, also after a power failure: written beside their place under an unpredictable
/// name that must not exist (so that nothing planted is followed), flushed, moved into place, and the directory flushed. Thread-safe.
/// </summary>
public static class DurableFile
{
    /// <summary>0644, less the process's umask.</summary>
    public const UnixFileMode Public = Private | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <summary>0600: for secrets.</summary>
    public const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>
    /// Writes the file, in place of what was there. A symbolic link at <paramref name="path"/> is replaced, not followed.
    /// </summary>
    /// <exception cref="IOException">The old content, if any, is untouched.</exception>
    public static void Replace(string path, ReadOnlySpan<byte> content, UnixFileMode mode = Public) =>
        Write(path, content, mode, (temporary, target) => File.Move(temporary, target, overwrite: true));

    /// <summary>Writes a new file; it appears with all its content.</summary>
    /// <exception cref="IOException">Something of that name exists already, or the disk failed.</exception>
    public static void Create(string path, ReadOnlySpan<byte> content, UnixFileMode mode = Public) =>
        Write(
            path,
            content,
            mode,
            (temporary, target) =>
            {
                // A hard link never replaces anything, which a rename cannot promise.
                Posix.Link(temporary, target);
                File.Delete(temporary);
            }
        );

    /// <summary>Flushes a file's data, and what is needed to read it back (fdatasync).</summary>
    public static void FlushData(SafeFileHandle file) => Posix.FlushData(file);

    /// <summary>Makes creations, renames and deletions in a directory durable (fsync of the directory).</summary>
    public static void FlushDirectory(string path)
    {
        using var directory = Posix.OpenDirectory(path);
        Posix.Flush(directory);
    }

    static void Write(string path, ReadOnlySpan<byte> content, UnixFileMode mode, Action<string, string> move)
    {
        var target = Path.GetFullPath(path);
        var directory = Path.GetDirectoryName(target) ?? throw new ArgumentException($"{path} is not the path of a file", nameof(path));
        var temporary = Path.Combine(directory, $".{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16))}.tmp");
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            Share = FileShare.None,
            BufferSize = 0,
            UnixCreateMode = mode,
        };
        try
        {
            using (var stream = new FileStream(temporary, options))
            {
                stream.Write(content);
                stream.Flush(flushToDisk: true);
            }
            move(temporary, target);
        }
        catch (Exception e) when (e is UnauthorizedAccessException || e.Message.Contains(temporary, StringComparison.Ordinal))
        {
            Discard(temporary);
            // Whoever reads the message knows the file, and not the name that it had for a moment.
            throw new IOException(e.Message.Replace(temporary, target, StringComparison.Ordinal), e);
        }
        catch
        {
            Discard(temporary);
            throw;
        }
        FlushDirectory(directory);
    }

    // What failed first is what there is to tell: where nothing was made, nothing may fail for being gone.
    static void Discard(string temporary)
    {
        if (File.Exists(temporary))
        {
            File.Delete(temporary);
        }
    }
}
