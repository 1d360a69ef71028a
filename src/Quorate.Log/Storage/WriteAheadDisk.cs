using Microsoft.Win32.SafeHandles;
using Quorate.Core.Files;

namespace Quorate.Log.Storage;

/// <summary>
/// All calls by which the files of a log reach the disk and come back: the seam for fault injection. A test's disk may fail any of them, or
/// forget what was not synced. All throw <see cref="IOException"/>. Thread-safe.
/// </summary>
public class WriteAheadDisk
{
    public static WriteAheadDisk Real { get; } = new();

    /// <summary>Opens a file, or creates it for its owner alone. Its name is durable after <see cref="DirectorySync"/>.</summary>
    public virtual SafeFileHandle Open(string path, FileMode mode, FileAccess access) =>
        Permitted(() =>
            access == FileAccess.Read ? File.OpenHandle(path, mode, access, FileShare.ReadWrite) : OpenOwned(path, mode, access)
        );

    public virtual long Length(SafeFileHandle file, string path) => RandomAccess.GetLength(file);

    /// <summary>Reads as much as there is at an offset, up to the length of the destination; 0 behind the end.</summary>
    public virtual int Read(SafeFileHandle file, string path, Span<byte> destination, long offset) =>
        RandomAccess.Read(file, destination, offset);

    /// <summary>Writes all bytes at an offset; they need not be durable yet.</summary>
    public virtual void Write(SafeFileHandle file, string path, ReadOnlySpan<byte> bytes, long offset) =>
        RandomAccess.Write(file, bytes, offset);

    /// <summary>Writes several buffers one after the other at an offset with one system call.</summary>
    public virtual void Write(SafeFileHandle file, string path, IReadOnlyList<ReadOnlyMemory<byte>> buffers, long offset) =>
        RandomAccess.Write(file, buffers, offset);

    public virtual void SetLength(SafeFileHandle file, string path, long length) => RandomAccess.SetLength(file, length);

    /// <summary>Bytes that the file system of a folder has left for this process.</summary>
    public virtual long FreeBytes(string folder) => Permitted(() => new DriveInfo(folder).AvailableFreeSpace);

    /// <summary>Lets the next reads of a range come from the disk rather than from memory, as far as the system likes.</summary>
    public virtual void ForgetCached(SafeFileHandle file, string path, long offset, long length) =>
        Posix.ForgetCached(file, offset, length);

    /// <summary>Returns when everything written to the file is durable (<c>fdatasync</c>).</summary>
    public virtual void DataSync(SafeFileHandle file, string path) => DurableFile.FlushData(file);

    /// <summary>Creates a folder for its owner alone; its name is durable after <see cref="DirectorySync"/> of its parent.</summary>
    public virtual void CreateDirectory(string path) =>
        Permitted(() => Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute));

    /// <summary>Removes a file; its name is durably gone after <see cref="DirectorySync"/>.</summary>
    public virtual void Delete(string path) =>
        Permitted(() =>
        {
            File.Delete(path);
            return true;
        });

    /// <summary>Renames a file over whatever is there.</summary>
    public virtual void Move(string from, string to) =>
        Permitted(() =>
        {
            File.Move(from, to, overwrite: true);
            return true;
        });

    /// <summary>Returns when the names in a directory are durable (<c>fsync</c>).</summary>
    public virtual void DirectorySync(string directory) => DurableFile.FlushDirectory(directory);

    static SafeFileHandle OpenOwned(string path, FileMode mode, FileAccess access)
    {
        var file = File.OpenHandle(path, mode, access, FileShare.Read);
        try
        {
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>.NET has an exception of its own for what the system forbids. A file that may not be touched is a disk that failed, like any other.</summary>
    static T Permitted<T>(Func<T> call)
    {
        try
        {
            return call();
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(e.Message, e);
        }
    }
}
