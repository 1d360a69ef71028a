using Quorate.Log.Storage;
using Quorate.Log.Tiles;

namespace Quorate.Log.Checking;

/// <summary>
/// A full check of a log folder that nobody has open (<c>quorate log fsck</c>): every segment, frame, value, root and signature. Changes nothing.
/// </summary>
public static class LogChecker
{
    /// <summary>Checks a folder.</summary>
    /// <param name="identity">Null: the folder's own file <c>identity</c> says it.</param>
    /// <exception cref="LogUnknownException">Whose log it is cannot be known.</exception>
    /// <exception cref="IOException">A file cannot be read at all.</exception>
    public static LogCheckReport Run(
        string folder,
        LogIdentity? identity,
        WriteAheadDisk disk,
        IProgress<LogCheckProgress>? progress,
        CancellationToken cancellationToken
    )
    {
        var full = Path.GetFullPath(folder);
        var known = Identify(full, identity);
        var damage = new List<LogDamage>();
        var notes = new List<string>();
        var report = new LogCheckReport
        {
            Folder = full,
            Identity = known,
            IsMirror = IsInMirrors(full),
            Head = null,
            Heads = 0,
        };
        var origin = LogOrigin.TryRead(full);
        try
        {
            using var scan = FrameScan.Open(full, known.Id.ToDigest(), disk);
            using var checks = new FrameChecks(known, origin, scan);
            try
            {
                CheckFrames(scan, checks, damage, notes, progress, cancellationToken);
            }
            catch (LogDamagedException e)
            {
                damage.Add(Of(e, full));
            }
            report = report with
            {
                IsMirror = report.IsMirror || checks.IsMirror,
                Head = checks.Head,
                Heads = checks.Heads,
                Checkpoints = origin is null ? 0 : checks.Checkpoints,
                Bytes = scan.Bytes,
                Segments = scan.SegmentCount,
            };
            if (origin is null && checks.Checkpoints > 0)
            {
                damage.Add(
                    new LogDamage(
                        Path.Combine(full, LogOrigin.FileName),
                        null,
                        "does not say the origin, for which the checkpoints are signed; write it as one line into this file",
                        IsDerived: false
                    )
                );
            }
            if (damage.Count == 0)
            {
                report = report with { MissingValues = CheckUnheld(scan, checks, report.IsMirror, damage, cancellationToken) };
                damage.AddRange(DerivedChecks.Run(scan, report, disk, cancellationToken));
            }
        }
        catch (LogDamagedException e)
        {
            damage.Add(Of(e, full));
        }
        return report with { Damage = damage, Notes = notes };
    }

    static void CheckFrames(
        FrameScan scan,
        FrameChecks checks,
        List<LogDamage> damage,
        List<string> notes,
        IProgress<LogCheckProgress>? progress,
        CancellationToken cancellationToken
    )
    {
        var (done, total) = (0L, scan.Bytes);
        foreach (var frame in scan.Frames())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (checks.Take(frame) is { } wrong)
            {
                damage.Add(wrong);
                return;
            }
            done += frame.Payload.Length + WriteAheadFormat.FrameHeaderSize;
            progress?.Report(new LogCheckProgress(done, total, checks.Entries));
        }
        if (checks.Finish() is { } unsigned)
        {
            damage.Add(unsigned);
        }
        if (scan.Tail is { } tail)
        {
            notes.Add(
                $"{tail.File}: {tail.DroppedBytes} bytes of an unfinished write at offset {tail.Offset}; opening the log removes them"
            );
        }
        if (checks.Entries > (checks.Head?.TreeSize ?? 0))
        {
            notes.Add($"{checks.Entries - (checks.Head?.TreeSize ?? 0)} entries on their way to a head");
        }
    }

    // Entries without bytes need them from another entry, or from a frame of values: a second pass, only where there are any.
    static ulong CheckUnheld(FrameScan scan, FrameChecks checks, bool isMirror, List<LogDamage> damage, CancellationToken cancellationToken)
    {
        var missing = checks.Unheld.ToDictionary();
        if (missing.Count == 0)
        {
            return 0;
        }
        foreach (var stored in scan.Frames())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (LogFrame.TryRead(stored.Payload, out var frame, out _))
            {
                foreach (var item in frame!)
                {
                    if (item.Record.HasValue)
                    {
                        missing.Remove(item.Record.Digest);
                    }
                }
            }
        }
        if (!isMirror)
        {
            foreach (var (digest, position) in missing)
            {
                var (file, offset) = scan.Locate(position);
                damage.Add(new LogDamage(file, offset, $"no entry has the value {digest}, which this one refers to", IsDerived: false));
            }
        }
        return (ulong)missing.Count;
    }

    static LogIdentity Identify(string folder, LogIdentity? given)
    {
        if (!Directory.Exists(folder))
        {
            throw new LogUnknownException($"{folder}: there is no such folder");
        }
        var found = FrameScan.TryReadLogId(folder, out var id);
        var identity = given ?? LogIdentityFile.TryRead(folder);
        if (identity is null)
        {
            throw new LogUnknownException(
                Directory.GetFiles(folder, "*.wal").Length == 0
                    ? $"{folder} is not the folder of a log: there are no segments (*.wal)"
                    : $"{folder} has no file that says whose log this is; name --protocol and --key"
            );
        }
        return found && id != identity.Id.Text
            ? throw new LogUnknownException(
                given is null
                    ? $"{folder}: the file {LogIdentityFile.FileName} names log {identity.Id}, but the segments are of log {id}; name --protocol and --key"
                    : $"{folder}: the segments are of log {id}; the key and protocol given are of log {identity.Id}"
            )
            : identity;
    }

    static bool IsInMirrors(string folder) => Path.GetFileName(Path.GetDirectoryName(folder)) == "mirrors";

    static LogDamage Of(LogDamagedException e, string folder) => new(e.File ?? folder, e.Offset, e.Finding, IsDerived: false);
}

/// <summary>A folder is no log's, or nobody says whose.</summary>
public sealed class LogUnknownException(string message) : IOException(message);
