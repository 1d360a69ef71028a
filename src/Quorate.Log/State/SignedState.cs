using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Quorate.Core;
using Quorate.Log.Storage;

namespace Quorate.Log;

/// <summary>
/// The newest head that this node signed for a log, kept outside of what is backed up (<c>node.signed_state</c>; docs/formats/signed-state.md), so that a
/// log restored from an older copy is refused instead of signing a second history. Written after the log's own commit and before the head is shown to
/// anybody, without a sync of its own: docs/adr/signed-state.md says why that is enough. One writer.
/// </summary>
sealed class SignedState : IDisposable
{
    const int SlotSize = 512;
    const int RecordSize = 264;
    const uint Version = 1;

    static readonly TimeSpan s_syncDelay = TimeSpan.FromSeconds(1);

    readonly WriteAheadDisk _disk;
    readonly SafeFileHandle _file;
    readonly string _path;
    readonly Sha256Digest _log;
    readonly ITimer _timer;
    readonly Lock _syncing = new();
    readonly byte[] _buffer = new byte[RecordSize];
    ulong _counter;
    int _isWaiting;
    volatile LogStorageException? _failure;
    bool _disposed;

    SignedState(string path, SafeFileHandle file, Sha256Digest log, WriteAheadDisk disk, TimeProvider time)
    {
        (_path, _file, _log, _disk) = (path, file, log, disk);
        _timer = time.CreateTimer(_ => SyncInBackground(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    static ReadOnlySpan<byte> Magic => "QSIGNED\n"u8;

    /// <summary>The newest head that is known to have been signed; null at the first use.</summary>
    internal LogHead? Newest { get; private set; }

    /// <summary>Opens or creates the record of one log.</summary>
    /// <exception cref="LogRewoundException">There is a record, and it cannot be read.</exception>
    internal static SignedState Open(string folder, LogIdentity identity, WriteAheadDisk disk, TimeProvider time)
    {
        if (!Directory.Exists(folder))
        {
            disk.CreateDirectory(folder);
            disk.DirectorySync(Path.GetDirectoryName(Path.GetFullPath(folder))!);
        }
        var path = Path.Combine(folder, identity.Id.Text);
        var file = disk.Open(path, FileMode.OpenOrCreate, FileAccess.ReadWrite);
        SignedState? opened = null;
        try
        {
            disk.DirectorySync(folder);
            var state = new SignedState(path, file, identity.Id.ToDigest(), disk, time);
            state.Read(identity);
            return opened = state;
        }
        finally
        {
            if (opened is null)
            {
                file.Dispose();
            }
        }
    }

    /// <summary>Refuses a log that lacks something which was signed.</summary>
    /// <param name="rootOf">The log's root at a size that it has.</param>
    /// <param name="mapHistoryRootOf">The same for the map history.</param>
    internal void Check(LogHead? head, Func<ulong, Sha256Digest> rootOf, Func<ulong, Sha256Digest> mapHistoryRootOf)
    {
        if (Newest is not { } signed)
        {
            return;
        }
        var size = head?.TreeSize ?? 0;
        if (head is null || size < signed.TreeSize || head.MhTreeSize < signed.MhTreeSize)
        {
            throw Rewound(
                $"the log has {size} entries and {head?.MhTreeSize ?? 0} heads, but this node has signed one of {signed.TreeSize} and {signed.MhTreeSize}"
            );
        }
        if (rootOf(signed.TreeSize) != signed.LogRoot || mapHistoryRootOf(signed.MhTreeSize) != signed.MhRoot)
        {
            throw Rewound($"the log's first {signed.TreeSize} entries are not those that this node has signed");
        }
    }

    /// <summary>Takes note of a head whose frame is durable, before anybody is shown its signature.</summary>
    /// <exception cref="LogStorageException">It could not be written; the signature must not be shown.</exception>
    internal void Note(LogHead head)
    {
        if (_failure is { } failure)
        {
            throw failure;
        }
        Write(head);
        if (Interlocked.Exchange(ref _isWaiting, 1) == 0)
        {
            _timer.Change(s_syncDelay, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>The same, and durable when it returns: at opening.</summary>
    internal void NoteDurably(LogHead head)
    {
        if (head.Equals(Newest))
        {
            return;
        }
        Write(head);
        _disk.DataSync(_file, _path);
    }

    public void Dispose()
    {
        lock (_syncing)
        {
            if (_disposed)
            {
                return;
            }
            _disposed = true;
            _timer.Dispose();
            try
            {
                if (_isWaiting != 0)
                {
                    _disk.DataSync(_file, _path);
                }
            }
            finally
            {
                _file.Dispose();
            }
        }
    }

    internal static void WriteRecord(Span<byte> record, ulong counter, in Sha256Digest log, LogHead head)
    {
        record.Clear();
        Magic.CopyTo(record);
        BinaryPrimitives.WriteUInt32LittleEndian(record[8..], Version);
        BinaryPrimitives.WriteUInt64LittleEndian(record[16..], counter);
        log.CopyTo(record[24..]);
        LogFrame.WriteHead(record.Slice(56, LogFrame.HeadSize), head);
        Sha256Digest.HashData(record[..232]).CopyTo(record[232..RecordSize]);
    }

    /// <summary>False unless the bytes are exactly a record of this log.</summary>
    internal static bool TryReadRecord(ReadOnlySpan<byte> record, in Sha256Digest log, out ulong counter, out LogHead? head)
    {
        (counter, head) = (0, null);
        if (
            record.Length < RecordSize
            || !record.StartsWith(Magic)
            || BinaryPrimitives.ReadUInt64LittleEndian(record[8..]) != Version
            || new Sha256Digest(record.Slice(24, Sha256Digest.Size)) != log
            || !Sha256Digest.HashData(record[..232]).AsSpan().SequenceEqual(record[232..RecordSize])
        )
        {
            return false;
        }
        counter = BinaryPrimitives.ReadUInt64LittleEndian(record[16..]);
        head = LogFrame.ReadHead(record.Slice(56, LogFrame.HeadSize));
        return true;
    }

    void Read(LogIdentity identity)
    {
        Span<byte> bytes = stackalloc byte[2 * SlotSize];
        bytes = bytes[.._disk.Read(_file, _path, bytes, 0)];
        for (var slot = 0; slot * SlotSize < bytes.Length; slot++)
        {
            var record = bytes[(slot * SlotSize)..Math.Min((slot + 1) * SlotSize, bytes.Length)];
            if (
                TryReadRecord(record, _log, out var counter, out var head)
                && (Newest is null || counter > _counter)
                && head!.Verify(identity.Key).IsVerified
            )
            {
                (_counter, Newest) = (counter, head);
            }
        }
        // The first record is durable before anything is signed: zeros, or less than a record, are a file that was never used.
        if (Newest is null && bytes.Length >= RecordSize && bytes.ContainsAnyExcept((byte)0))
        {
            throw new LogRewoundException(
                $"{_path}: what was signed last cannot be read; if the log's folder is certainly the newest there is, remove this file and start again"
            );
        }
    }

    // Two slots, written in turn: a write that the power cuts spoils the older one.
    void Write(LogHead head)
    {
        try
        {
            WriteRecord(_buffer, checked(++_counter), _log, head);
            _disk.Write(_file, _path, _buffer, _counter % 2 == 0 ? 0 : SlotSize);
            Newest = head;
        }
        catch (IOException e)
        {
            throw _failure = new LogStorageException($"{_path}: what is signed cannot be noted: {e.Message}", e);
        }
    }

    void SyncInBackground()
    {
        lock (_syncing)
        {
            if (_disposed)
            {
                return;
            }
            Volatile.Write(ref _isWaiting, 0);
            try
            {
                _disk.DataSync(_file, _path);
            }
            catch (IOException e)
            {
                _failure = new LogStorageException($"{_path}: what was signed cannot be made durable: {e.Message}", e);
            }
        }
    }

    LogRewoundException Rewound(string what) =>
        new(
            $"{what} ({_path}): it was restored from an older copy, or cut. Going on would sign a second history, which anybody can prove. "
                + "Restore a newer copy, or take the log from a mirror: quorate log export MIRROR-FOLDER DIR; quorate log import DIR --state STATE --publish KEY-FILE"
        );
}

/// <summary>A log lacks entries or heads that are known to have been signed. Opening it would fork its history.</summary>
public sealed class LogRewoundException(string message) : LogStorageException(message);
