using Microsoft.Win32.SafeHandles;
using Quorate.Log.Storage;

namespace Quorate.Log.Checking;

/// <summary>A disk of which nothing can be changed, whoever tries: what code opens to write, it gets to read.</summary>
sealed class ReadOnlyDisk(WriteAheadDisk disk) : WriteAheadDisk
{
    public override SafeFileHandle Open(string path, FileMode mode, FileAccess access) => disk.Open(path, FileMode.Open, FileAccess.Read);

    public override long Length(SafeFileHandle file, string path) => disk.Length(file, path);

    public override int Read(SafeFileHandle file, string path, Span<byte> destination, long offset) =>
        disk.Read(file, path, destination, offset);

    public override void Write(SafeFileHandle file, string path, ReadOnlySpan<byte> bytes, long offset) => throw Refused(path);

    public override void Write(SafeFileHandle file, string path, IReadOnlyList<ReadOnlyMemory<byte>> buffers, long offset) =>
        throw Refused(path);

    public override void SetLength(SafeFileHandle file, string path, long length) => throw Refused(path);

    public override void DataSync(SafeFileHandle file, string path) => throw Refused(path);

    public override void CreateDirectory(string path) => throw Refused(path);

    public override void Delete(string path) => throw Refused(path);

    public override void Move(string from, string to) => throw Refused(from);

    public override void DirectorySync(string directory) => throw Refused(directory);

    static IOException Refused(string path) => new($"{path}: only being checked");
}
