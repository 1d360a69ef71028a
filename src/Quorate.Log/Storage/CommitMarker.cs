using Microsoft.Win32.SafeHandles;

namespace Quorate.Log.Storage;

/// <summary>
/// How far the write-ahead file had certainly been acknowledged: 64 bytes, written over after each fdatasync without one of their own. Whatever
/// survives of them is at most what was durable, so a file that is broken or shorter *before* the mark lost acknowledged data, and must not
/// be mistaken for an unfinished write: the log would sign a second, different head of the same size.
/// </summary>
sealed class CommitMarker : IDisposable
{
    readonly SafeFileHandle _file;
    readonly string _path;
    readonly WriteAheadDisk _disk;
    readonly byte[] _buffer = new byte[WriteAheadFormat.MarkerSize];

    CommitMarker(string path, SafeFileHandle file, WriteAheadDisk disk) => (_path, _file, _disk) = (path, file, disk);

    /// <summary>Null when there is no legible mark.</summary>
    internal (uint Segment, long End, byte[] Salt)? Value { get; private set; }

    internal static CommitMarker Open(string folder, WriteAheadDisk disk)
    {
        var path = System.IO.Path.Combine(folder, "committed");
        var file = disk.Open(path, FileMode.OpenOrCreate, FileAccess.ReadWrite);
        var marker = new CommitMarker(path, file, disk);
        Span<byte> bytes = stackalloc byte[WriteAheadFormat.MarkerSize + 1];
        try
        {
            var length = disk.Read(file, path, bytes, 0);
            if (WriteAheadFormat.TryReadMarker(bytes[..length], out var segment, out var end, out var salt))
            {
                marker.Value = (segment, end, salt.ToArray());
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

    internal void Advance(WriteAheadSegment segment, long end)
    {
        WriteAheadFormat.WriteMarker(_buffer, (uint)segment.Number, end, segment.Salt);
        _disk.Write(_file, _path, _buffer, 0);
        Value = ((uint)segment.Number, end, segment.Salt);
    }

    /// <summary>Lowers the mark durably, before bytes behind it are dropped on purpose.</summary>
    internal void Retreat(WriteAheadSegment segment, long end)
    {
        Advance(segment, end);
        Sync();
    }

    internal void Sync() => _disk.DataSync(_file, _path);

    public void Dispose() => _file.Dispose();
}
