using System.Buffers;
using System.Collections.Concurrent;
using System.Text;
using Quorate.Core;
using Quorate.Core.Encodings;

namespace Quorate.Nix.Derivations;

/// <summary>
/// The texts that stand in a derivation for paths that are not known yet: a slash and 52 characters of Nix base 32, 53 bytes of ASCII.
/// </summary>
public static class Placeholders
{
    public const int Length = 53;

    static readonly SearchValues<byte> s_digits = SearchValues.Create("0123456789abcdfghijklmnpqrsvwxyz"u8);

    /// <summary>Of the derivation's own output.</summary>
    public static byte[] Own(string output) => Text($"nix-output:{output}");

    /// <summary>Of an output of a floating, deferred or impure input.</summary>
    public static byte[] Upstream(StorePath derivation, string output)
    {
        var name = DerivationPaths.OutputPathName(DerivationPaths.NameOf(derivation), output);
        return Text($"nix-upstream-output:{derivation.BaseName.AsSpan(0, StorePath.HashPartLength)}:{name}");
    }

    /// <summary>Of an output of a derivation that is itself built: <paramref name="derivation"/> is the placeholder of that derivation's path.</summary>
    public static byte[] Computed(ReadOnlySpan<byte> derivation, string output)
    {
        Span<char> digits = stackalloc char[Length - 1];
        Encoding.ASCII.GetChars(derivation[1..], digits);
        return NarHash.TryNix32(digits, out var hash)
            ? Text($"nix-computed-output:{Nix32.Encode(ContentAddressing.Fold(hash))}:{output}")
            : throw new ArgumentException("not a placeholder", nameof(derivation));
    }

    /// <summary>Where the first text that looks like a placeholder begins, of whatever it may be one; -1 where there is none.</summary>
    internal static int IndexIn(ReadOnlySpan<byte> text)
    {
        for (var at = 0; ; at++)
        {
            var slash = text[at..].IndexOf((byte)'/');
            if (slash < 0 || at + slash + Length > text.Length)
            {
                return -1;
            }
            at += slash;
            // 52 digits are 260 bits, so the first digit of 256 bits can only be 0 or 1: that alone rules out nearly every slash.
            if (text[at + 1] is (byte)'0' or (byte)'1' && !text.Slice(at + 1, Length - 1).ContainsAnyExcept(s_digits))
            {
                return at;
            }
        }
    }

    static byte[] Text(string preimage)
    {
        var text = new byte[Length];
        text[0] = (byte)'/';
        Nix32.Encode(Sha256Digest.HashData(Encoding.ASCII.GetBytes(preimage)).AsSpan(), text.AsSpan(1));
        return text;
    }
}

/// <summary>
/// Remembers <see cref="Placeholders.Upstream"/>: most inputs of a closure's derivations are the same few. Thread-safe; grows with the
/// closure.
/// </summary>
public sealed class UpstreamPlaceholders
{
    readonly ConcurrentDictionary<(StorePath Derivation, string Output), byte[]> _known = new();

    internal byte[] Of(StorePath derivation, string output) =>
        _known.GetOrAdd((derivation, output), static key => Placeholders.Upstream(key.Derivation, key.Output));
}
