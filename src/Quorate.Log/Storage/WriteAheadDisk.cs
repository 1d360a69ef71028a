using Microsoft.Win32.SafeHandles;
using Quorate.Core.Files;

namespace Quorate.Log.Storage;

/// <summary>The calls by which the write-ahead file reaches the disk: the seam for fault injection. All throw <see cref="IOException"/>.</summary>
public class WriteAheadDisk
{
    public static WriteAheadDisk Real { get; } = new();

    /// <summary>Writes all bytes at an offset; they need not be durable yet.</summary>
    public virtual void Write(SafeFileHandle file, string path, ReadOnlySpan<byte> bytes, long offset) =>
        RandomAccess.Write(file, bytes, offset);

    /// <summary>Writes several buffers one after the other at an offset with one system call.</summary>
    public virtual void Write(SafeFileHandle file, string path, IReadOnlyList<ReadOnlyMemory<byte>> buffers, long offset) =>
        RandomAccess.Write(file, buffers, offset);

    /// <summary>Returns when everything written to the file is durable (<c>fdatasync</c>).</summary>
    public virtual void DataSync(SafeFileHandle file, string path) => DurableFile.FlushData(file);

    /// <summary>Returns when the names in a directory are durable (<c>fsync</c>).</summary>
    public virtual void DirectorySync(string directory) => DurableFile.FlushDirectory(directory);
}
