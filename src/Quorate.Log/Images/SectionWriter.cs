using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Quorate.Core;
using Quorate.Log.Storage;

namespace Quorate.Log.Images;

/// <summary>Writes one section of an image, hashes it, and keeps little of it waiting for the disk: the write-ahead file's syncs share that disk.</summary>
sealed class SectionWriter(WriteAheadDisk disk, SafeFileHandle file, string path, long start) : Stream
{
    const int BlockBytes = 1 << 18;
    const int SyncBytes = 8 << 20;

    readonly byte[] _block = new byte[BlockBytes];
    readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    int _used;
    long _written;
    long _synced;

    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => _written + _used;

    public override long Position
    {
        get => Length;
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            var part = buffer[..Math.Min(buffer.Length, BlockBytes - _used)];
            part.CopyTo(_block.AsSpan(_used));
            _used += part.Length;
            buffer = buffer[part.Length..];
            if (_used == BlockBytes)
            {
                WriteBlock();
            }
        }
    }

    /// <summary>Writes the rest.</summary>
    internal SectionPlace End()
    {
        WriteBlock();
        Span<byte> hash = stackalloc byte[Sha256Digest.Size];
        _hash.GetHashAndReset(hash);
        return new SectionPlace(start, _written, new Sha256Digest(hash));
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush() { }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        _hash.Dispose();
        base.Dispose(disposing);
    }

    void WriteBlock()
    {
        var bytes = _block.AsSpan(0, _used);
        disk.Write(file, path, bytes, start + _written);
        _hash.AppendData(bytes);
        _written += _used;
        _used = 0;
        if (_written - _synced >= SyncBytes)
        {
            disk.DataSync(file, path);
            _synced = _written;
        }
    }
}
