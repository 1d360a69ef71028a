using System.Runtime.InteropServices;
using System.Text;

namespace Quorate.Nix.Nar;

/// <summary>
/// Finds hash parts of store paths in bytes. A hash part is 32 characters of Nix's alphabet; wherever 32 such characters stand that are one of
/// the set, that path is referred to (this is how Nix itself finds references). Immutable.
/// </summary>
public sealed class HashPartSet
{
    public const int Length = StorePath.HashPartLength;

    static readonly bool[] s_alphabet = Alphabet();

    readonly byte[][] _parts;
    readonly Dictionary<Words, int> _indexes = [];

    /// <exception cref="ArgumentException">One of the texts is not a hash part, or occurs twice.</exception>
    public HashPartSet(IEnumerable<string> hashParts)
    {
        _parts = [.. hashParts.Select(Encoding.ASCII.GetBytes)];
        for (var i = 0; i < _parts.Length; i++)
        {
            if (!StorePath.IsHashPart(Encoding.ASCII.GetString(_parts[i])) || !_indexes.TryAdd(Words.Of(_parts[i]), i))
            {
                throw new ArgumentException("not a set of hash parts", nameof(hashParts));
            }
        }
    }

    public int Count => _parts.Length;

    /// <summary>The ASCII bytes of a hash part.</summary>
    public ReadOnlySpan<byte> this[int index] => _parts[index];

    /// <summary>Where the first hash part of the set begins, and which it is; −1 when none is whole in the bytes.</summary>
    public int Find(ReadOnlySpan<byte> bytes, out int index)
    {
        index = 0;
        return _parts.Length switch
        {
            0 => -1,
            // The processor's vectors compare faster than any skipping.
            1 => bytes.IndexOf(_parts[0]),
            _ => FindAny(bytes, out index),
        };
    }

    /// <summary>
    /// Looks at the last of 32 characters first: where it is not of the alphabet, no hash part covers it, and all 32 places are passed over.
    /// </summary>
    int FindAny(ReadOnlySpan<byte> bytes, out int index)
    {
        index = 0;
        // Bytes from `at` to `at + known` are of the alphabet.
        var known = 0;
        for (var at = 0; at + Length <= bytes.Length; )
        {
            var last = at + Length - 1;
            while (last >= at + known && s_alphabet[bytes[last]])
            {
                last--;
            }
            if (last >= at + known)
            {
                known = at + Length - 1 - last;
                at = last + 1;
                continue;
            }
            if (_indexes.TryGetValue(Words.Of(bytes.Slice(at, Length)), out index))
            {
                return at;
            }
            at++;
            known = Length - 1;
        }
        return -1;
    }

    static bool[] Alphabet()
    {
        var table = new bool[256];
        foreach (var c in "0123456789abcdfghijklmnpqrsvwxyz"u8)
        {
            table[c] = true;
        }
        return table;
    }

    readonly record struct Words(UInt128 First, UInt128 Second)
    {
        public static Words Of(ReadOnlySpan<byte> part) => MemoryMarshal.Read<Words>(part);
    }
}
