using System.Globalization;
using System.Security.Cryptography;
using Quorate.Core;
using Quorate.Core.Files;

namespace Quorate.Log.Storage;

/// <summary>Finds, checks and creates the segment files of one log: <c>00000000.wal</c>, <c>00000001.wal</c> …</summary>
static class SegmentFiles
{
    internal static (WriteAheadSegment[] Segments, TailRepair? Repair) Open(string folder, Sha256Digest log, CommitMarker marker)
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
                    throw new LogDamagedException($"{folder}: segment {Name(number)} is missing, {Path.GetFileName(path)} is there");
                }
                if (OpenOne(path, number, log, isLast: number == paths.Length - 1, marker) is { } segment)
                {
                    segments.Add(segment);
                }
                else
                {
                    repair = new TailRepair(path, 0, new FileInfo(path).Length);
                    File.Delete(path);
                    DurableFile.FlushDirectory(folder);
                }
            }
            if (marker.Value is { } value && value.Segment >= segments.Count)
            {
                throw new LogDamagedException($"{folder}: segment {Name(value.Segment)} is missing, but was acknowledged");
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
        var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read);
        try
        {
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            disk.Write(file, path, bytes, 0);
            disk.DataSync(file, path);
            disk.DirectorySync(folder);
        }
        catch
        {
            file.Dispose();
            throw;
        }
        return new WriteAheadSegment(path, file, header, bytes.Length);
    }

    // Null for a segment whose creation never completed.
    static WriteAheadSegment? OpenOne(string path, uint number, Sha256Digest log, bool isLast, CommitMarker marker)
    {
        var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        WriteAheadSegment? segment = null;
        try
        {
            Span<byte> bytes = stackalloc byte[WriteAheadFormat.SegmentHeaderSize];
            var read = RandomAccess.Read(file, bytes, 0);
            if (!WriteAheadFormat.TryReadSegmentHeader(bytes[..read], out var header, out var version))
            {
                var unfinished = isLast && !marker.CoversSegment(number) && RandomAccess.GetLength(file) <= bytes.Length;
                return unfinished ? null : throw new LogDamagedException($"{path}: the segment header at offset 0 is damaged");
            }
            if (version != WriteAheadFormat.Version)
            {
                throw new LogDamagedException(
                    $"{path}: write-ahead version {version}; this program reads version {WriteAheadFormat.Version}"
                );
            }
            if (header.Number != number || header.Log != log)
            {
                throw new LogDamagedException($"{path}: segment {header.Number} of log {header.Log} is not segment {number} of log {log}");
            }
            segment = new WriteAheadSegment(path, file, header, RandomAccess.GetLength(file));
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

    static string Name(uint number) => number.ToString("D8", CultureInfo.InvariantCulture) + ".wal";
}
