using Microsoft.Win32.SafeHandles;
using Quorate.Core.Files;

namespace Quorate.Core.Columns;

/// <summary>
/// Where a <see cref="Column{T}"/> keeps what it no longer keeps in memory. Read and written by position, never mapped: a failing disk shows as an
/// exception where a mapping would kill the process, and what the kernel caches of it is not this process's memory.
/// </summary>
public sealed class ColumnFile : IDisposable
{
    readonly SafeFileHandle _file;
    readonly Func<string, IOException> _damaged;

    ColumnFile(string path, SafeFileHandle file, Func<string, IOException> damaged) => (Path, _file, _damaged) = (path, file, damaged);

    public string Path { get; }

    /// <summary>In bytes.</summary>
    public long Length => RandomAccess.GetLength(_file);

    /// <summary>Opens the file, or creates it for its owner alone. Its holder sees to it that nobody else writes to it.</summary>
    /// <param name="damaged">Makes the error for bytes that are not what was written, from a sentence that names file and offset.</param>
    public static ColumnFile Open(string path, Func<string, IOException> damaged)
    {
        if (!File.Exists(path))
        {
            using var created = new FileStream(
                path,
                new FileStreamOptions
                {
                    Mode = FileMode.CreateNew,
                    Access = FileAccess.Write,
                    UnixCreateMode = DurableFile.Private,
                }
            );
        }
        return new ColumnFile(path, File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read), damaged);
    }

    /// <summary>Removes everything in it.</summary>
    public void Clear() => RandomAccess.SetLength(_file, 0);

    /// <summary>Returns when everything written to it is durable.</summary>
    public void Sync() => DurableFile.FlushData(_file);

    public void Dispose() => _file.Dispose();

    internal void Write(ReadOnlySpan<byte> bytes, long offset) => RandomAccess.Write(_file, bytes, offset);

    /// <summary>False when the file ends before.</summary>
    internal bool TryRead(Span<byte> bytes, long offset)
    {
        while (!bytes.IsEmpty)
        {
            var read = RandomAccess.Read(_file, bytes, offset);
            if (read == 0)
            {
                return false;
            }
            bytes = bytes[read..];
            offset += read;
        }
        return true;
    }

    internal IOException Damaged(long offset) => _damaged($"{Path}: the block at offset {offset} is not what was written");
}
