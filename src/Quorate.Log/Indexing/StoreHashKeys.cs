using System.Buffers;

namespace Quorate.Log.Indexing;

/// <summary>The hash part of keys of protocol <c>nix</c>: <c>/nix/store/&lt;32 characters of Nix base 32&gt;-&lt;name&gt;</c>.</summary>
static class StoreHashKeys
{
    internal const int HashLength = 32;

    /// <summary>More keys with one hash part are not indexed: an honest store has one, and lookups must stay cheap in a hostile log.</summary>
    internal const int MaxKeysPerHash = 64;

    static readonly SearchValues<byte> Alphabet = SearchValues.Create("0123456789abcdfghijklmnpqrsvwxyz"u8);

    static ReadOnlySpan<byte> Prefix => "/nix/store/"u8;

    /// <summary>The 32 characters, or empty for a key of another form (legacy keys are 20 raw bytes).</summary>
    internal static ReadOnlySpan<byte> HashPart(ReadOnlySpan<byte> key)
    {
        if (key.Length <= Prefix.Length + HashLength + 1 || !key.StartsWith(Prefix) || key[Prefix.Length + HashLength] != '-')
        {
            return default;
        }
        var part = key.Slice(Prefix.Length, HashLength);
        return part.ContainsAnyExcept(Alphabet) ? default : part;
    }
}
