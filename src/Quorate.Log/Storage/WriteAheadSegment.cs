using Microsoft.Win32.SafeHandles;

namespace Quorate.Log.Storage;

/// <summary>One open segment file. Only the writer changes <see cref="Length"/>; readers may see it late, never early.</summary>
sealed class WriteAheadSegment(string path, SafeFileHandle file, SegmentHeader header, long length, WriteAheadDisk disk) : IDisposable
{
    // 2^23 segments of up to 1 TiB.
    const int OffsetBits = 40;

    long _length = length;

    internal string Path => path;
    internal int Number { get; } = (int)header.Number;
    internal ulong FirstFrame => header.FirstFrame;
    internal byte[] Salt => header.Salt;

    internal long Length
    {
        get => Volatile.Read(ref _length);
        set => Volatile.Write(ref _length, value);
    }

    internal FramePosition PositionOf(long offset) => new(((long)Number << OffsetBits) | offset);

    internal static (int Number, long Offset) Split(FramePosition position) =>
        ((int)(position.Value >> OffsetBits), position.Value & ((1L << OffsetBits) - 1));

    internal int Read(Span<byte> destination, long offset) => disk.Read(file, path, destination, offset);

    internal void Write(IReadOnlyList<ReadOnlyMemory<byte>> buffers, long offset) => disk.Write(file, path, buffers, offset);

    internal void Sync() => disk.DataSync(file, path);

    internal void ForgetCached(long offset, long length) => disk.ForgetCached(file, path, offset, length);

    internal void Cut(long length)
    {
        disk.SetLength(file, path, length);
        Length = length;
    }

    public void Dispose() => file.Dispose();
}
