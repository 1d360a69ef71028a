using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Quorate.Core.Encodings;

namespace Quorate.Nix.Derivations;

/// <summary>
/// The hash part of a resolved derivation's path: 20 bytes, written as 32 characters of Nix base 32. It commits to the derivation's bytes
/// and name, its references and the store directory, so it names one build with all its inputs.
/// </summary>
public readonly struct ResolvedInputHash : IEquatable<ResolvedInputHash>, IComparable<ResolvedInputHash>
{
    /// <summary>Length in bytes.</summary>
    public const int Size = 20;

    /// <summary>Length of the text in characters.</summary>
    public const int TextLength = StorePath.HashPartLength;

    readonly Bytes _bytes;

    /// <exception cref="ArgumentException"><paramref name="bytes"/> is not 20 bytes long.</exception>
    public ResolvedInputHash(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Size)
        {
            throw new ArgumentException($"a resolved input hash has {Size} bytes, not {bytes.Length}", nameof(bytes));
        }
        bytes.CopyTo(MemoryMarshal.CreateSpan(ref Unsafe.As<Bytes, byte>(ref _bytes), Size));
    }

    /// <summary>False unless <paramref name="text"/> is exactly 32 characters of Nix base 32.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out ResolvedInputHash hash)
    {
        Span<byte> bytes = stackalloc byte[Size];
        var ok = text.Length == TextLength && Nix32.TryDecode(text, bytes);
        hash = ok ? new ResolvedInputHash(bytes) : default;
        return ok;
    }

    /// <exception cref="FormatException">Not a resolved input hash.</exception>
    public static ResolvedInputHash Parse(ReadOnlySpan<char> text) =>
        TryParse(text, out var hash) ? hash : throw new FormatException("not a resolved input hash");

    /// <summary>The hash part of a resolved derivation's path.</summary>
    public static ResolvedInputHash Of(StorePath resolvedDerivation) => Parse(resolvedDerivation.BaseName.AsSpan(0, TextLength));

    public ReadOnlySpan<byte> AsSpan() => MemoryMarshal.CreateReadOnlySpan(in Unsafe.As<Bytes, byte>(ref Unsafe.AsRef(in _bytes)), Size);

    public bool Equals(ResolvedInputHash other) => AsSpan().SequenceEqual(other.AsSpan());

    public override bool Equals(object? obj) => obj is ResolvedInputHash other && Equals(other);

    // Half of SHA-256 is uniform, but a hash that arrives from outside may be chosen: HashCode is seeded per process.
    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.AddBytes(AsSpan());
        return hash.ToHashCode();
    }

    /// <summary>Order of the texts, which is that of the paths.</summary>
    public int CompareTo(ResolvedInputHash other) => string.CompareOrdinal(ToString(), other.ToString());

    public override string ToString() => Nix32.Encode(AsSpan());

    public static bool operator ==(ResolvedInputHash left, ResolvedInputHash right) => left.Equals(right);

    public static bool operator !=(ResolvedInputHash left, ResolvedInputHash right) => !left.Equals(right);

    public static bool operator <(ResolvedInputHash left, ResolvedInputHash right) => left.CompareTo(right) < 0;

    public static bool operator >(ResolvedInputHash left, ResolvedInputHash right) => left.CompareTo(right) > 0;

    public static bool operator <=(ResolvedInputHash left, ResolvedInputHash right) => left.CompareTo(right) <= 0;

    public static bool operator >=(ResolvedInputHash left, ResolvedInputHash right) => left.CompareTo(right) >= 0;

    [InlineArray(Size)]
    struct Bytes
    {
        byte _first;
    }
}
