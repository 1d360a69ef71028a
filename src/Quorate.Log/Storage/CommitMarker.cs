using Microsoft.Win32.SafeHandles;

namespace Quorate.Log.Storage;

/// <summary>
/// How far the write-ahead file had certainly been acknowledged: 64 bytes, written over after each fdatasync without one of their own. Whatever
/// survives of them is at most what was durable, so a file that is broken or shorter *before* the mark lost acknowledged data, and must not
/// be mistaken for an unfinished write: the log would sign a second, different head of the same size.
/// </summary>
sealed class CommitMarker : IDisposable
{
    internal const string FileName = "committed";

    readonly SafeFileHandle? _file;
    readonly string _path;
    readonly WriteAheadDisk _disk;
    readonly byte[] _buffer = new byte[WriteAheadFormat.MarkerSize];

    CommitMarker(string path, SafeFileHandle? file, WriteAheadDisk disk) => (_path, _file, _disk) = (path, file, disk);

    /// <summary>The mark of a log that has none.</summary>
    internal static CommitMarker None { get; } = new("", null, WriteAheadDisk.Real);

    /// <summary>Null when there is no legible mark.</summary>
    internal (uint Segment, long End, byte[] Salt)? Value { get; private set; }

    /// <summary>True when the mark says that everything behind it was being dropped on purpose.</summary>
    internal bool IsCut { get; private set; }

    internal static CommitMarker Open(string folder, WriteAheadDisk disk, FileAccess access = FileAccess.ReadWrite)
    {
        var path = Path.Combine(folder, FileName);
        var file = disk.Open(path, access == FileAccess.Read ? FileMode.Open : FileMode.OpenOrCreate, access);
        var marker = new CommitMarker(path, file, disk);
        Span<byte> bytes = stackalloc byte[WriteAheadFormat.MarkerSize + 1];
        try
        {
            var length = disk.Read(file, path, bytes, 0);
            if (WriteAheadFormat.TryReadMarker(bytes[..length], out var isCut, out var segment, out var end, out var salt))
            {
                (marker.IsCut, marker.Value) = (isCut, (segment, end, salt.ToArray()));
            }
            return marker;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>True when bytes before <paramref name="end"/> of the segment had been acknowledged.</summary>
    internal bool Covers(WriteAheadSegment segment, long end) =>
        Value is { } value
        && (
            value.Segment > segment.Number
            || (value.Segment == segment.Number && value.End >= end && value.Salt.AsSpan().SequenceEqual(segment.Salt))
        );

    internal bool CoversSegment(uint number) => Value is { } value && value.Segment >= number;

    internal void Advance(WriteAheadSegment segment, long end) => Set(segment, end, isCut: false);

    /// <summary>
    /// Says durably that everything behind <paramref name="end"/> is being dropped on purpose: half-way a disk may show zeros there, with intact
    /// frames behind them. The mark must be set again, and synced, before anything is appended.
    /// </summary>
    internal void BeginCut(WriteAheadSegment segment, long end)
    {
        Set(segment, end, isCut: true);
        Sync();
    }

    internal void EndCut(WriteAheadSegment segment)
    {
        Set(segment, segment.Length, isCut: false);
        Sync();
    }

    void Set(WriteAheadSegment segment, long end, bool isCut)
    {
        WriteAheadFormat.WriteMarker(_buffer, isCut, (uint)segment.Number, end, segment.Salt);
        _disk.Write(_file!, _path, _buffer, 0);
        (IsCut, Value) = (isCut, ((uint)segment.Number, end, segment.Salt));
    }

    internal void Sync() => _disk.DataSync(_file!, _path);

    public void Dispose() => _file?.Dispose();
}
