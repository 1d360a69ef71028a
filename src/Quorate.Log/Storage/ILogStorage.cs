namespace Quorate.Log.Storage;

/// <summary>
/// Where a log keeps its frames. A frame is the unit of durability: it is there whole after <see cref="AppendAsync"/> completed, and
/// whole or not at all after a crash. What a frame contains is <see cref="LogFrame"/>'s business.
/// One writer; <see cref="ReadAsync"/> may run beside it. After any failed write the storage refuses every later one
/// (<see cref="LogStorageException"/>): what the disk holds is then unknown until it is opened again.
/// </summary>
public interface ILogStorage : IAsyncDisposable
{
    /// <summary>What opening had to cut off; null when the tail was whole.</summary>
    TailRepair? Repair { get; }

    /// <summary>
    /// The frames from the one whose payload begins at <paramref name="from"/>, which <see cref="ReadFrame"/> gives, or all; oldest first. A payload is valid until the next one is asked for. Reading to the end is how a storage is opened: it
    /// cuts a torn tail, and makes everything that it gave durable before it returns its last frame.
    /// </summary>
    /// <exception cref="LogDamagedException">A frame before the tail is not what was written.</exception>
    IEnumerable<StoredFrame> ReadFrames(FramePosition? from = null);

    /// <summary>The frame whose payload begins at <paramref name="payload"/>; null when no intact one does. Any number may be given, also before the frames were read.</summary>
    StoredFrame? ReadFrame(FramePosition payload);

    /// <summary>Appends one frame durably and returns the position of the first byte of its payload.</summary>
    ValueTask<FramePosition> AppendAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken);

    /// <summary>
    /// Why nothing should be written that takes <paramref name="bytes"/> of the disk, although the storage is sound: less would be left than is reserved. Null where it can be.
    /// </summary>
    string? LackOfRoom(long bytes) => null;

    /// <summary>
    /// Everything that is stored now, read again from the medium beside the writer; null where the storage does not keep files of its own. Ends early
    /// when frames are dropped meanwhile.
    /// </summary>
    /// <exception cref="LogDamagedException">A frame is not what was written.</exception>
    IEnumerable<StoredFrame>? ReadAgain() => null;

    /// <summary>Fills <paramref name="destination"/> from inside a payload, or returns how many bytes there were up to the end of what is stored.</summary>
    ValueTask<int> ReadAsync(FramePosition position, Memory<byte> destination, CancellationToken cancellationToken);

    /// <inheritdoc cref="ReadAsync"/>
    int Read(FramePosition position, Span<byte> destination);

    /// <summary>The log's folder, for messages; null for a storage without one.</summary>
    string? Folder => null;

    /// <summary>By what files beside the storage, in <see cref="Folder"/>, reach the disk.</summary>
    WriteAheadDisk Disk => WriteAheadDisk.Real;

    /// <summary>Where a position lies, for messages: file and offset.</summary>
    string Describe(FramePosition position) => "the log's storage";

    /// <summary>Drops every frame from the one whose payload begins at <paramref name="payload"/>.</summary>
    ValueTask TruncateAsync(FramePosition payload, CancellationToken cancellationToken);

    /// <summary>
    /// Takes writes again after one failed, and drops what that one left behind; what was appended before stays. For mirrors, which are told everything once more: a
    /// published log ends with its process.
    /// </summary>
    /// <returns>True when it was a <see cref="TruncateAsync"/> that had failed, and is done now.</returns>
    /// <exception cref="LogStorageException">It fails still.</exception>
    bool Recover() => throw new NotSupportedException("this storage has to be opened again");
}

/// <summary>A place inside a storage: opaque but for addition of a distance within one payload. The default value is nowhere.</summary>
public readonly record struct FramePosition(long Value)
{
    public static FramePosition operator +(FramePosition position, long distance) => new(position.Value + distance);

    public static FramePosition Add(FramePosition position, long distance) => position + distance;
}

/// <param name="Payload">Valid until the next frame is read.</param>
public readonly record struct StoredFrame(FramePosition Position, ReadOnlyMemory<byte> Payload);

/// <summary>A write that never completed was removed while opening. Nothing that had been acknowledged was in it.</summary>
public sealed record TailRepair(string File, long Offset, long DroppedBytes)
{
    public override string ToString() => $"{File}: removed {DroppedBytes} bytes of an unfinished write at offset {Offset}";
}

/// <summary>The disk failed. The log takes no more writes until it is opened again.</summary>
public class LogStorageException : IOException
{
    public LogStorageException(string message)
        : base(message) { }

    public LogStorageException(string message, Exception inner)
        : base(message, inner) { }
}

/// <summary>The disk is nearly full. Nothing was written, and the log goes on once there is room.</summary>
public sealed class LogRoomException(string message) : LogStorageException(message);

/// <summary>Stored bytes are not what was written. Names file and offset, and where a folder is known the command that finds out what helps.</summary>
public sealed class LogDamagedException(string message, string? folder = null)
    : LogStorageException(folder is null ? message : $"{message}; to see what is damaged and what helps, run: quorate log fsck {folder}")
{
    /// <summary>The damaged log's folder; null for a storage without one.</summary>
    public string? Folder { get; } = folder;

    /// <summary>What is wrong, without the advice.</summary>
    public string Finding { get; } = message;

    /// <summary>The damaged file, where one is known.</summary>
    public string? File { get; init; }

    /// <summary>Where in <see cref="File"/> the damage begins.</summary>
    public long? Offset { get; init; }
}
