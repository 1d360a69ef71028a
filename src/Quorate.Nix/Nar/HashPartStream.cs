namespace Quorate.Nix.Nar;

/// <summary>What <see cref="HashPartStream"/> reports, in the order of the bytes.</summary>
interface IHashPartVisitor
{
    /// <summary>Bytes that belong to no hash part of the set.</summary>
    void Plain(ReadOnlySpan<byte> bytes);

    /// <param name="offset">Where the hash part begins, counted from the first byte of the stream.</param>
    /// <param name="index">Which of the set it is.</param>
    void Found(ulong offset, int index);
}

/// <summary>
/// Cuts a stream at the hash parts of a set, however the stream itself arrives in pieces: from left to right, none overlapping another. At
/// most 31 bytes are held back. Not thread-safe.
/// </summary>
sealed class HashPartStream(HashPartSet parts, IHashPartVisitor visitor) : IByteSink
{
    const int Held = HashPartSet.Length - 1;
    const int Piece = 64 << 10;

    readonly byte[] _buffer = new byte[Held + Piece];
    int _filled;
    ulong _offset;

    public void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var piece = bytes[..Math.Min(bytes.Length, _buffer.Length - _filled)];
            piece.CopyTo(_buffer.AsSpan(_filled));
            _filled += piece.Length;
            bytes = bytes[piece.Length..];
            Cut(Held);
        }
    }

    /// <summary>Passes on what was held back. The stream may begin anew.</summary>
    public void Complete()
    {
        Cut(0);
        _offset = 0;
    }

    /// <param name="keep">Bytes at the end that may be the beginning of a hash part.</param>
    void Cut(int keep)
    {
        var rest = _buffer.AsSpan(0, _filled);
        int at;
        while ((at = parts.Find(rest, out var index)) >= 0)
        {
            Pass(rest[..at]);
            visitor.Found(_offset, index);
            _offset += HashPartSet.Length;
            rest = rest[(at + HashPartSet.Length)..];
        }
        var passed = Math.Max(0, rest.Length - keep);
        Pass(rest[..passed]);
        rest[passed..].CopyTo(_buffer);
        _filled = rest.Length - passed;
    }

    void Pass(ReadOnlySpan<byte> bytes)
    {
        if (!bytes.IsEmpty)
        {
            visitor.Plain(bytes);
            _offset += (ulong)bytes.Length;
        }
    }
}
