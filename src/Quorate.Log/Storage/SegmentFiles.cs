using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Quorate.Core;

namespace Quorate.Log.Storage;

/// <summary>Finds, checks and creates the segment files of one log: <c>00000000.wal</c>, <c>00000001.wal</c> …</summary>
static class SegmentFiles
{
    internal static (WriteAheadSegment[] Segments, TailRepair? Repair) Open(
        string folder,
        Sha256Digest log,
        CommitMarker marker,
        WriteAheadDisk disk,
        FileAccess access = FileAccess.ReadWrite
    )
    {
        var paths = Directory.GetFiles(folder, "*.wal");
        Array.Sort(paths, StringComparer.Ordinal);
        var segments = new List<WriteAheadSegment>();
        TailRepair? repair = null;
        try
        {
            for (var number = 0u; number < paths.Length; number++)
            {
                var path = paths[number];
                if (Path.GetFileName(path) != Name(number))
                {
                    throw new LogDamagedException(
                        $"{folder}: segment {Name(number)} is missing, {Path.GetFileName(path)} is there",
                        folder
                    );
                }
                if (OpenOne(path, number, log, isLast: number == paths.Length - 1, marker, disk, access) is { } segment)
                {
                    segments.Add(segment);
                }
                else
                {
                    repair = new TailRepair(path, 0, new FileInfo(path).Length);
                    if (access != FileAccess.Read)
                    {
                        disk.Delete(path);
                        disk.DirectorySync(folder);
                    }
                }
            }
            if (marker.Value is { } value && value.Segment >= segments.Count)
            {
                throw new LogDamagedException($"{folder}: segment {Name(value.Segment)} is missing, but was acknowledged", folder);
            }
            return ([.. segments], repair);
        }
        catch
        {
            segments.ForEach(s => s.Dispose());
            throw;
        }
    }

    internal static WriteAheadSegment Create(string folder, Sha256Digest log, uint number, ulong firstFrame, WriteAheadDisk disk)
    {
        var path = Path.Combine(folder, Name(number));
        var header = new SegmentHeader(number, firstFrame, log, RandomNumberGenerator.GetBytes(WriteAheadFormat.SaltSize));
        var bytes = new byte[WriteAheadFormat.SegmentHeaderSize];
        WriteAheadFormat.WriteSegmentHeader(bytes, header);
        var file = disk.Open(path, FileMode.CreateNew, FileAccess.ReadWrite);
        try
        {
            disk.Write(file, path, bytes, 0);
            disk.DataSync(file, path);
            disk.DirectorySync(folder);
        }
        catch
        {
            file.Dispose();
            throw;
        }
        return new WriteAheadSegment(path, file, header, bytes.Length, disk);
    }

    // Null for a segment whose creation never completed.
    static WriteAheadSegment? OpenOne(
        string path,
        uint number,
        Sha256Digest log,
        bool isLast,
        CommitMarker marker,
        WriteAheadDisk disk,
        FileAccess access
    )
    {
        var file = disk.Open(path, FileMode.Open, access);
        WriteAheadSegment? segment = null;
        try
        {
            Span<byte> bytes = stackalloc byte[WriteAheadFormat.SegmentHeaderSize];
            var read = disk.Read(file, path, bytes, 0);
            if (!WriteAheadFormat.TryReadSegmentHeader(bytes[..read], out var header, out var version))
            {
                var unfinished = isLast && !marker.CoversSegment(number) && disk.Length(file, path) <= bytes.Length;
                return unfinished
                    ? null
                    : throw new LogDamagedException($"{path}: the segment header at offset 0 is damaged", Path.GetDirectoryName(path))
                    {
                        File = path,
                        Offset = 0,
                    };
            }
            if (version != WriteAheadFormat.Version)
            {
                throw new LogDamagedException(
                    $"{path}: write-ahead version {version}; this program reads version {WriteAheadFormat.Version}",
                    Path.GetDirectoryName(path)
                );
            }
            if (header.Number != number || header.Log != log)
            {
                throw new LogDamagedException(
                    $"{path}: segment {header.Number} of log {header.Log} is not segment {number} of log {log}",
                    Path.GetDirectoryName(path)
                );
            }
            segment = new WriteAheadSegment(path, file, header, disk.Length(file, path), disk);
            return segment;
        }
        finally
        {
            if (segment is null)
            {
                file.Dispose();
            }
        }
    }

    internal static SegmentHeader? TryReadHeader(SafeFileHandle file, string path)
    {
        Span<byte> bytes = stackalloc byte[WriteAheadFormat.SegmentHeaderSize];
        return WriteAheadFormat.TryReadSegmentHeader(bytes[..WriteAheadDisk.Real.Read(file, path, bytes, 0)], out var header, out _)
            ? header
            : null;
    }

    internal static string Name(uint number) => number.ToString("D8", CultureInfo.InvariantCulture) + ".wal";
}
