using System.Buffers;
using System.Text;
using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Crypto.Notes;
using Quorate.Log.Checking;
using Quorate.Log.Storage;
using Quorate.Log.Tiles;

namespace Quorate.Log.Portable;

/// <summary>What was exported.</summary>
/// <param name="HasAllHeads">False where only the newest of a mirror's heads are known.</param>
public sealed record LogExportReport(LogHead Head, LogIdentity Identity, bool HasAllHeads, ulong MissingValues);

/// <summary>Writes a log folder that nobody has open as a portable directory (docs/formats/portable-log.md). Only what passed the full check is exported.</summary>
public sealed class LogExport
{
    readonly FrameScan _scan;
    readonly string _target;
    readonly HashTileWriter _tiles;
    readonly Dictionary<Sha256Digest, FramePosition?> _elsewhere = [];
    readonly ArrayBufferWriter<byte> _entries = new();
    readonly ArrayBufferWriter<byte> _values = new();
    readonly ArrayBufferWriter<byte> _heads = new();
    ulong _entryCount;
    ulong _headCount;
    bool _hasAllHeads = true;

    LogExport(FrameScan scan, string target) => (_scan, _target, _tiles) = (scan, target, new HashTileWriter(target));

    /// <exception cref="LogDamagedException">The folder does not pass the check.</exception>
    /// <exception cref="PortableLogException">There is nothing to export, or the target exists.</exception>
    public static LogExportReport Run(
        string folder,
        LogIdentity? identity,
        string target,
        IProgress<LogCheckProgress>? progress,
        CancellationToken cancellationToken
    )
    {
        if (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any())
        {
            throw new PortableLogException($"{target} is not empty");
        }
        var check = LogChecker.Run(folder, identity, WriteAheadDisk.Real, progress, cancellationToken);
        if (check.Damage.FirstOrDefault(d => !d.IsDerived) is { } damage)
        {
            throw new LogDamagedException($"{damage.File} at offset {damage.Offset}: {damage.What}", check.Folder);
        }
        var head = check.Head ?? throw new PortableLogException($"{folder}: the log has no head yet");
        using var scan = FrameScan.Open(check.Folder, check.Identity.Id.ToDigest(), WriteAheadDisk.Real);
        var export = new LogExport(scan, target);
        export.FindElsewhere(cancellationToken);
        var signature = export.WriteFrames(head, cancellationToken);
        PortableFiles.Write(target, PortableFiles.Identity, Encoding.UTF8.GetBytes(LogIdentityFile.Format(check.Identity)));
        WriteCheckpoint(check, head, signature, target);
        PortableFiles.Write(target, PortableFiles.Head, HeadJson.Write(head));
        return new LogExportReport(head, check.Identity, export._hasAllHeads, check.MissingValues);
    }

    // Entries may have their value beside another entry, or in a frame of values that came later.
    void FindElsewhere(CancellationToken cancellationToken)
    {
        foreach (var isSearch in (bool[])[false, true])
        {
            foreach (var stored in _scan.Frames())
            {
                cancellationToken.ThrowIfCancellationRequested();
                foreach (var item in Frame(stored))
                {
                    if (!isSearch && !item.Record.HasValue)
                    {
                        _elsewhere.TryAdd(item.Record.Digest, null);
                    }
                    else if (isSearch && item.Record.HasValue && _elsewhere.ContainsKey(item.Record.Digest))
                    {
                        _elsewhere[item.Record.Digest] = stored.Position + item.Offset;
                    }
                }
            }
        }
    }

    ReadOnlyMemory<byte> WriteFrames(LogHead last, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> signature = default;
        Directory.CreateDirectory(_target);
        using var history = new FileStream(Path.Combine(_target, PortableFiles.MapHistory), FileMode.CreateNew);
        foreach (var stored in _scan.Frames())
        {
            cancellationToken.ThrowIfCancellationRequested();
            var frame = Frame(stored);
            if (frame.Kind == FrameKind.Values)
            {
                continue;
            }
            foreach (var item in frame)
            {
                // What no head covers is not the log yet.
                if (_entryCount < last.TreeSize)
                {
                    WriteEntry(stored, item);
                }
            }
            foreach (var leaf in frame.MapHistoryLeaves)
            {
                history.Write(leaf.AsSpan());
            }
            if (frame.Head is { } head)
            {
                WriteHead(head);
                signature = frame.CheckpointSignature;
            }
        }
        FinishBundle(force: true);
        FinishHeads(force: true);
        _tiles.Finish();
        if (!_hasAllHeads && Directory.Exists(Path.Combine(_target, "heads")))
        {
            Directory.Delete(Path.Combine(_target, "heads"), recursive: true);
        }
        return signature;
    }

    void WriteEntry(in StoredFrame stored, in Records.Item item)
    {
        var record = item.Record;
        EntryBundle.Append(_entries, LeafData.Of(item.Key.Span, record.Digest));
        var value = record.HasValue
            ? stored.Payload.Slice(item.Offset + (int)record.ValueDistance, (int)record.ValueLength)
            : ReadElsewhere(record.Digest);
        if (value is { Length: > ValueBundle.MaxValueLength } large)
        {
            var path = PortableFiles.ValuePath(record.Digest);
            if (!File.Exists(Path.Combine(_target, path)))
            {
                PortableFiles.Write(_target, path, large.Span);
            }
        }
        ValueBundle.Append(_values, value);
        _tiles.Append(TreeHash.EntryLeaf(item.Key.Span, record.Digest));
        _entryCount++;
        FinishBundle(force: false);
    }

    ReadOnlyMemory<byte>? ReadElsewhere(in Sha256Digest digest)
    {
        if (_elsewhere[digest] is not { } position)
        {
            return null;
        }
        Span<byte> bytes = stackalloc byte[LogFrame.RecordSize];
        _scan.ReadExactly(position, bytes);
        var record = EntryRecord.ReadFixed(bytes);
        var value = new byte[Math.Min(record.ValueLength, WriteAheadFormat.MaxPayload)];
        _scan.ReadExactly(position + record.ValueDistance, value);
        return Sha256Digest.HashData(value) == digest
            ? value
            : throw new LogDamagedException($"{_scan.Locate(position).File}: a value changed while it was exported");
    }

    void FinishBundle(bool force)
    {
        var width = (int)(_entryCount % TileNumber.FullWidth);
        if (_entries.WrittenCount == 0 || (width != 0 && !force))
        {
            return;
        }
        var number = Number(_entryCount);
        PortableFiles.Write(_target, TileLayout.EntriesPath(number), _entries.WrittenSpan);
        PortableFiles.Write(_target, PortableFiles.ValuesPath(number), _values.WrittenSpan);
        _entries.ResetWrittenCount();
        _values.ResetWrittenCount();
    }

    void WriteHead(LogHead head)
    {
        _headCount++;
        _hasAllHeads &= head.MhTreeSize == _headCount;
        HeadRecordBundle.Write(_heads.GetSpan(HeadRecordBundle.RecordSize), head);
        _heads.Advance(HeadRecordBundle.RecordSize);
        FinishHeads(force: false);
    }

    void FinishHeads(bool force)
    {
        if (_hasAllHeads && _heads.WrittenCount > 0 && (force || _headCount % TileNumber.FullWidth == 0))
        {
            PortableFiles.Write(_target, PortableFiles.HeadsPath(Number(_headCount)), _heads.WrittenSpan);
            _heads.ResetWrittenCount();
        }
    }

    // The tile that the last of so many items is in.
    static TileNumber Number(ulong count)
    {
        var width = (int)(count % TileNumber.FullWidth);
        return width == 0 ? new TileNumber(count / TileNumber.FullWidth - 1) : new TileNumber(count / TileNumber.FullWidth, width);
    }

    static void WriteCheckpoint(LogCheckReport check, LogHead head, ReadOnlyMemory<byte> signature, string target)
    {
        if (LogOrigin.TryRead(check.Folder) is not { } origin)
        {
            return;
        }
        PortableFiles.Write(target, PortableFiles.Origin, Encoding.UTF8.GetBytes(origin + "\n"));
        var key = NoteVerifierKey.Ed25519(origin, check.Identity.Key);
        PortableFiles.Write(target, PortableFiles.VerifierKey, Encoding.UTF8.GetBytes($"{key}\n"));
        if (!signature.IsEmpty)
        {
            var note = SignedNote.Create(Checkpoint.Of(origin, head).ToText(), [NoteSigner.Line(key, signature)]);
            PortableFiles.Write(target, PortableFiles.Checkpoint, note.Bytes.Span);
        }
    }

    static LogFrame Frame(in StoredFrame stored) =>
        LogFrame.TryRead(stored.Payload, out var frame, out var error) ? frame! : throw new LogDamagedException(error);
}
