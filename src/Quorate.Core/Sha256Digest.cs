using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Quorate.Core.Encodings;
using Quorate.Core.Hashing;

namespace Quorate.Core;

/// <summary>A SHA-256 digest: 32 bytes with value equality and no allocation. The default value is 32 zero bytes.</summary>
public readonly struct Sha256Digest : IEquatable<Sha256Digest>, IComparable<Sha256Digest>
{
    /// <summary>Length in bytes.</summary>
    public const int Size = 32;

    readonly Bytes _bytes;

    /// <exception cref="ArgumentException"><paramref name="bytes"/> is not 32 bytes long.</exception>
    public Sha256Digest(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Size)
        {
            throw new ArgumentException($"a SHA-256 digest has {Size} bytes, not {bytes.Length}", nameof(bytes));
        }
        bytes.CopyTo(MemoryMarshal.CreateSpan(ref Unsafe.As<Bytes, byte>(ref _bytes), Size));
    }

    /// <summary>Thirty-two zero bytes: the placeholder of the sparse map.</summary>
    public static Sha256Digest Zero => default;

    public static Sha256Digest HashData(ReadOnlySpan<byte> data) => ShortSha256.Hash(data);

    /// <summary>False unless <paramref name="bytes"/> is exactly 32 bytes long.</summary>
    public static bool TryCreate(ReadOnlySpan<byte> bytes, out Sha256Digest digest)
    {
        digest = bytes.Length == Size ? new Sha256Digest(bytes) : default;
        return bytes.Length == Size;
    }

    /// <summary>Parses 64 lowercase hexadecimal characters, the only canonical text.</summary>
    public static bool TryParseHex(ReadOnlySpan<char> text, out Sha256Digest digest)
    {
        Span<byte> bytes = stackalloc byte[Size];
        var ok = text.Length == 2 * Size && Hex.TryDecode(text, bytes);
        digest = ok ? new Sha256Digest(bytes) : default;
        return ok;
    }

    [UnscopedRef]
    public ReadOnlySpan<byte> AsSpan() => MemoryMarshal.CreateReadOnlySpan(in Unsafe.As<Bytes, byte>(ref Unsafe.AsRef(in _bytes)), Size);

    public void CopyTo(Span<byte> destination) => AsSpan().CopyTo(destination);

    public byte[] ToArray() => AsSpan().ToArray();

    public bool Equals(Sha256Digest other) => AsSpan().SequenceEqual(other.AsSpan());

    public override bool Equals(object? obj) => obj is Sha256Digest other && Equals(other);

    // The bytes are already uniform; the first word is as good as any hash of them, and the type is never keyed by attacker-chosen
    // unhashed data.
    public override int GetHashCode() => MemoryMarshal.Read<int>(AsSpan());

    /// <summary>Bytewise order.</summary>
    public int CompareTo(Sha256Digest other) => AsSpan().SequenceCompareTo(other.AsSpan());

    /// <summary>64 lowercase hexadecimal characters.</summary>
    public override string ToString() => Hex.Encode(AsSpan());

    public static bool operator ==(Sha256Digest left, Sha256Digest right) => left.Equals(right);

    public static bool operator !=(Sha256Digest left, Sha256Digest right) => !left.Equals(right);

    public static bool operator <(Sha256Digest left, Sha256Digest right) => left.CompareTo(right) < 0;

    public static bool operator >(Sha256Digest left, Sha256Digest right) => left.CompareTo(right) > 0;

    public static bool operator <=(Sha256Digest left, Sha256Digest right) => left.CompareTo(right) <= 0;

    public static bool operator >=(Sha256Digest left, Sha256Digest right) => left.CompareTo(right) >= 0;

    [InlineArray(Size)]
    struct Bytes
    {
        byte _first;
    }
}
