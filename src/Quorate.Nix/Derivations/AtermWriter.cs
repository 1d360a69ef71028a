using System.Buffers;
using System.Text;
using Quorate.Core;

namespace Quorate.Nix.Derivations;

/// <summary>Collects bytes in a rented buffer: ATerms, and the texts that store paths are the hash of. Dispose gives the buffer back.</summary>
sealed class AtermWriter(int capacity) : IDisposable
{
    static readonly SearchValues<byte> s_escaped = SearchValues.Create("\"\\\n\r\t"u8);

    byte[] _buffer = ArrayPool<byte>.Shared.Rent(capacity);
    int _length;

    public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, _length);

    public void Raw(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Reserve(bytes.Length));

    /// <summary>ASCII only.</summary>
    public void Raw(string ascii) => Encoding.ASCII.GetBytes(ascii, Reserve(ascii.Length));

    public void Path(StorePath path)
    {
        Raw(path.StoreDir);
        Raw("/"u8);
        Raw(path.BaseName);
    }

    public void Hex(Sha256Digest digest) => Convert.TryToHexStringLower(digest.AsSpan(), Reserve(2 * Sha256Digest.Size), out _);

    public void Quoted(ReadOnlySpan<byte> plain)
    {
        Raw("\""u8);
        Raw(plain);
        Raw("\""u8);
    }

    public void Quoted(string ascii)
    {
        Raw("\""u8);
        Raw(ascii);
        Raw("\""u8);
    }

    public void Quoted(StorePath path)
    {
        Raw("\""u8);
        Path(path);
        Raw("\""u8);
    }

    public void Escaped(ReadOnlySpan<byte> text)
    {
        Raw("\""u8);
        for (var next = text.IndexOfAny(s_escaped); next >= 0; next = text.IndexOfAny(s_escaped))
        {
            Raw(text[..next]);
            Raw([(byte)'\\', Aterm.Escape(text[next])]);
            text = text[(next + 1)..];
        }
        Raw(text);
        Raw("\""u8);
    }

    public byte[] ToArray() => Written.ToArray();

    public Sha256Digest Hash() => Sha256Digest.HashData(Written);

    public void Dispose() => ArrayPool<byte>.Shared.Return(_buffer);

    Span<byte> Reserve(int count)
    {
        var needed = _length + count;
        if (needed > _buffer.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent((int)Math.Max(needed, Math.Min(2L * _buffer.Length, Array.MaxLength)));
            Written.CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }
        var space = _buffer.AsSpan(_length, count);
        _length = needed;
        return space;
    }
}
