using System.Buffers.Binary;
using Quorate.Core;

namespace Quorate.Log.Tiles;

/// <summary>
/// The extra data of the proofs that Quorate writes: the entry as in a bundle, and behind it the value, where it is known and not too long
/// (docs/formats/notes.md). Nothing authenticates it but the hashes: see <see cref="TryRead"/>.
/// </summary>
/// <param name="Data">The leaf's data: key, colon, value digest.</param>
/// <param name="Value">Checked against the digest; null where it is left out.</param>
public sealed record ProofExtra(ReadOnlyMemory<byte> Data, ReadOnlyMemory<byte>? Value)
{
    /// <summary>Longer values are left out.</summary>
    public const int MaxValueLength = 64 << 10;

    /// <summary>False unless the bytes are an entry of a Quorate log, and what follows is its value or nothing.</summary>
    public static bool TryRead(ReadOnlyMemory<byte> extra, out ReadOnlyMemory<byte> key, out Sha256Digest digest, out ProofExtra? read)
    {
        (key, digest, read) = (default, default, null);
        if (extra.Length < EntryBundle.LengthSize)
        {
            return false;
        }
        var length = BinaryPrimitives.ReadUInt16BigEndian(extra.Span);
        if (extra.Length < EntryBundle.LengthSize + length)
        {
            return false;
        }
        var data = extra.Slice(EntryBundle.LengthSize, length);
        var value = extra[(EntryBundle.LengthSize + length)..];
        if (value.Length > MaxValueLength || !LeafData.TrySplit(data.Span, out var keyBytes, out digest))
        {
            return false;
        }
        key = data[..keyBytes.Length];
        var isValue = Sha256Digest.HashData(value.Span) == digest;
        if (!isValue && !value.IsEmpty)
        {
            return false;
        }
        read = new ProofExtra(data, isValue ? value : default(ReadOnlyMemory<byte>?));
        return true;
    }

    public byte[] ToBytes()
    {
        var value = Value is { Length: <= MaxValueLength } held ? held : default;
        var bytes = new byte[EntryBundle.LengthSize + Data.Length + value.Length];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, checked((ushort)Data.Length));
        Data.CopyTo(bytes.AsMemory(EntryBundle.LengthSize));
        value.CopyTo(bytes.AsMemory(EntryBundle.LengthSize + Data.Length));
        return bytes;
    }
}
