using Quorate.Log.Storage;

namespace Quorate.Log.Checking;

/// <summary>The storage of a log that is only read.</summary>
/// <param name="folder">Where its derived files are to be looked at; null: they are not.</param>
sealed class ScannedStorage(FrameScan scan, string? folder, WriteAheadDisk disk) : ILogStorage
{
    public TailRepair? Repair => null;

    public string? Folder => folder;

    public WriteAheadDisk Disk => disk;

    public IEnumerable<StoredFrame> ReadFrames(FramePosition? from = null) =>
        from is null ? scan.Frames() : throw new NotSupportedException("all frames are read");

    public StoredFrame? ReadFrame(FramePosition payload) => scan.ReadFrame(payload);

    public ValueTask<FramePosition> AppendAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken) => throw Refused();

    public ValueTask<int> ReadAsync(FramePosition position, Memory<byte> destination, CancellationToken cancellationToken) =>
        ValueTask.FromResult(Read(position, destination.Span));

    public int Read(FramePosition position, Span<byte> destination) => scan.Read(position, destination);

    public string Describe(FramePosition position) => $"{scan.Locate(position).File} at offset {scan.Locate(position).Offset}";

    public ValueTask TruncateAsync(FramePosition payload, CancellationToken cancellationToken) => throw Refused();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    static InvalidOperationException Refused() => new("the log is only being read");
}
