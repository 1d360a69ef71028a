using Microsoft.Win32.SafeHandles;
using Quorate.Core.Columns;

namespace Quorate.Tests.Core.Columns;

/// <summary>A file for a column, with nothing between it and the disk.</summary>
sealed class PlainFile(string path) : IColumnFile, IDisposable
{
    readonly SafeFileHandle _file = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);

    public string Path => path;

    public long Length => RandomAccess.GetLength(_file);

    public int Read(Span<byte> destination, long offset) => RandomAccess.Read(_file, destination, offset);

    public void Write(ReadOnlySpan<byte> bytes, long offset) => RandomAccess.Write(_file, bytes, offset);

    public IOException Damaged(string what) => new(what);

    public void Clear() => RandomAccess.SetLength(_file, 0);

    public void Dispose() => _file.Dispose();
}
