using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Quorate.Core;
using Quorate.Log.Storage;

namespace Quorate.Log.Images;

/// <summary>Reads one section of an image. What was read is believed after <see cref="End"/>.</summary>
sealed class SectionReader(WriteAheadDisk disk, SafeFileHandle file, string path, ImageSection section, SectionPlace place) : Stream
{
    readonly byte[] _block = new byte[1 << 18];
    readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    int _start;
    int _end;
    long _read;

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => place.Length;

    public override long Position
    {
        get => _read - (_end - _start);
        set => throw new NotSupportedException();
    }

    /// <summary>Bytes that are still to come.</summary>
    internal long Remaining => Length - Position;

    public override int Read(Span<byte> buffer)
    {
        if (_start == _end)
        {
            var wanted = (int)Math.Min(_block.Length, place.Length - _read);
            var got = wanted == 0 ? 0 : disk.Read(file, path, _block.AsSpan(0, wanted), place.Offset + _read);
            _hash.AppendData(_block.AsSpan(0, got));
            (_start, _end) = (0, got);
            _read += got;
        }
        var part = Math.Min(buffer.Length, _end - _start);
        _block.AsSpan(_start, part).CopyTo(buffer);
        _start += part;
        return part;
    }

    /// <exception cref="MalformedException">The bytes are not those that were written, or not all were wanted.</exception>
    internal void End()
    {
        Span<byte> hash = stackalloc byte[Sha256Digest.Size];
        _hash.GetHashAndReset(hash);
        if (Remaining != 0 || !place.Hash.AsSpan().SequenceEqual(hash))
        {
            throw new MalformedException($"its section {section} is damaged");
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush() { }

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        _hash.Dispose();
        base.Dispose(disposing);
    }
}
