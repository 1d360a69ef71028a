using Microsoft.Win32.SafeHandles;
using Quorate.Core.Columns;
using Quorate.Log.Storage;

namespace Quorate.Log.Indexing;

/// <summary>One file of a <see cref="DerivedFolder"/> that holds a column.</summary>
sealed class DerivedFile : IColumnFile, IDisposable
{
    readonly DerivedFolder _folder;
    readonly WriteAheadDisk _disk;
    readonly SafeFileHandle _file;

    internal DerivedFile(DerivedFolder folder, string name, WriteAheadDisk disk)
    {
        (_folder, _disk) = (folder, disk);
        Path = System.IO.Path.Combine(folder.Path, name);
        _file = disk.Open(Path, FileMode.OpenOrCreate, FileAccess.ReadWrite);
    }

    public string Path { get; }

    public long Length => _disk.Length(_file, Path);

    public int Read(Span<byte> destination, long offset) => _disk.Read(_file, Path, destination, offset);

    public void Write(ReadOnlySpan<byte> bytes, long offset) => _disk.Write(_file, Path, bytes, offset);

    public IOException Damaged(string what) => _folder.Distrust(what);

    internal void Clear() => _disk.SetLength(_file, Path, 0);

    internal void Sync() => _disk.DataSync(_file, Path);

    public void Dispose() => _file.Dispose();
}
