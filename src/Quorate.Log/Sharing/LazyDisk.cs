using Microsoft.Win32.SafeHandles;
using Quorate.Log.Storage;

namespace Quorate.Log.Sharing;

/// <summary>
/// The disk under a node's copy of a shared log. Syncs once for many frames while the node catches up: a power cut in between may leave a copy that does not check;
/// then it is fetched again.
/// </summary>
sealed class LazyDisk(WriteAheadDisk real) : WriteAheadDisk
{
    readonly Dictionary<string, SafeFileHandle> _unsynced = new(StringComparer.Ordinal);

    internal bool IsLazy { get; set; }

    public override void DataSync(SafeFileHandle file, string path)
    {
        if (IsLazy && path.EndsWith(".wal", StringComparison.Ordinal))
        {
            _unsynced[path] = file;
            return;
        }
        real.DataSync(file, path);
    }

    internal void CatchUp()
    {
        foreach (var (path, file) in _unsynced)
        {
            real.DataSync(file, path);
        }
        _unsynced.Clear();
    }

    public override SafeFileHandle Open(string path, FileMode mode, FileAccess access) => real.Open(path, mode, access);

    public override long Length(SafeFileHandle file, string path) => real.Length(file, path);

    public override int Read(SafeFileHandle file, string path, Span<byte> destination, long offset) =>
        real.Read(file, path, destination, offset);

    public override void Write(SafeFileHandle file, string path, ReadOnlySpan<byte> bytes, long offset) =>
        real.Write(file, path, bytes, offset);

    public override void Write(SafeFileHandle file, string path, IReadOnlyList<ReadOnlyMemory<byte>> buffers, long offset) =>
        real.Write(file, path, buffers, offset);

    public override long FreeBytes(string folder) => real.FreeBytes(folder);

    public override void SetLength(SafeFileHandle file, string path, long length) => real.SetLength(file, path, length);

    public override void ForgetCached(SafeFileHandle file, string path, long offset, long length) =>
        real.ForgetCached(file, path, offset, length);

    public override void CreateDirectory(string path) => real.CreateDirectory(path);

    public override void Delete(string path) => real.Delete(path);

    public override void Move(string from, string to) => real.Move(from, to);

    public override void DirectorySync(string directory) => real.DirectorySync(directory);
}
