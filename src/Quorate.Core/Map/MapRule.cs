using System.Buffers;
using System.Security.Cryptography;
using Quorate.Core.Hashing;

namespace Quorate.Core.Map;

/// <summary>
/// What a protocol's map says of a key: its first entries in log order, as many as the rule lets count, and their one spelling (docs/formats/protocols.md). It is a function of
/// the log alone, so that a mirror can recompute the map of any log, a hostile one too.
/// </summary>
public sealed class MapRule
{
    const int MaxOnStack = 1024;

    readonly bool _isArray;

    MapRule(int maxClaims, bool isArray) => (MaxClaims, _isArray) = (maxClaims, isArray);

    /// <summary>Trustix: the first entry of a key, as a <see cref="MapEntryJson"/>; later ones are only in the log.</summary>
    public static MapRule FirstValue { get; } = new(1, isArray: false);

    /// <summary>Native protocols: a JSON array of all entries of a key, ascending. A log takes no more of a key than fit, and what another log has beyond them is no claim.</summary>
    public static MapRule AllClaims { get; } = new(256, isArray: true);

    /// <summary>Entries of one key that count.</summary>
    public int MaxClaims { get; }

    /// <summary>Whether several entries of a key are its content, and not a contradiction.</summary>
    public bool CountsAll => _isArray;

    /// <summary>The longest value.</summary>
    public int MaxLength => _isArray ? 1 + MaxClaims * (MapEntryJson.MaxLength + 1) : MapEntryJson.MaxLength;

    /// <summary>The value under a key with these entries.</summary>
    /// <exception cref="ArgumentException">There is no entry, there are more than count, or their indexes do not ascend.</exception>
    public byte[] Write(ReadOnlySpan<MapClaim> claims)
    {
        var text = new byte[Room(claims.Length)];
        return text[..Write(claims, text)];
    }

    /// <summary>SHA-256 of the value: what the map's leaf hashes.</summary>
    /// <inheritdoc cref="Write(ReadOnlySpan{MapClaim})"/>
    public Sha256Digest Hash(ReadOnlySpan<MapClaim> claims)
    {
        var room = Room(claims.Length);
        if (room <= MaxOnStack)
        {
            Span<byte> text = stackalloc byte[MaxOnStack];
            return ShortSha256.Hash(text[..Write(claims, text)]);
        }
        var rented = ArrayPool<byte>.Shared.Rent(room);
        try
        {
            return new Sha256Digest(SHA256.HashData(rented.AsSpan(0, Write(claims, rented))));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>False unless <paramref name="value"/> is exactly what <see cref="Write(ReadOnlySpan{MapClaim})"/> gives for some entries.</summary>
    public bool TryParse(ReadOnlySpan<byte> value, out MapClaim[] claims)
    {
        claims = [];
        if (value.Length > MaxLength)
        {
            return false;
        }
        if (!_isArray)
        {
            if (!MapEntryJson.TryParse(value, out var digest, out var index))
            {
                return false;
            }
            claims = [new MapClaim(digest, index)];
            return true;
        }
        if (value is not [(byte)'[', .. var rest, (byte)']'])
        {
            return false;
        }
        var read = new List<MapClaim>();
        while (true)
        {
            // No digest and no number contains a brace.
            var end = rest.IndexOf((byte)'}');
            if (
                end < 0
                || read.Count == MaxClaims
                || !MapEntryJson.TryParse(rest[..(end + 1)], out var digest, out var index)
                || (read.Count > 0 && read[^1].Index >= index)
            )
            {
                return false;
            }
            read.Add(new MapClaim(digest, index));
            rest = rest[(end + 1)..];
            if (rest.IsEmpty)
            {
                claims = [.. read];
                return true;
            }
            if (rest[0] != ',')
            {
                return false;
            }
            rest = rest[1..];
        }
    }

    static int Room(int claims) => 1 + claims * (MapEntryJson.MaxLength + 1);

    int Write(ReadOnlySpan<MapClaim> claims, Span<byte> text)
    {
        if (claims.IsEmpty || claims.Length > MaxClaims)
        {
            throw new ArgumentException($"{claims.Length} entries, where a key has 1 to {MaxClaims} that count", nameof(claims));
        }
        if (!_isArray)
        {
            return MapEntryJson.Write(claims[0].Digest, claims[0].Index, text);
        }
        var at = 0;
        for (var i = 0; i < claims.Length; i++)
        {
            if (i > 0 && claims[i].Index <= claims[i - 1].Index)
            {
                throw new ArgumentException($"entry {claims[i].Index} comes after {claims[i - 1].Index}", nameof(claims));
            }
            text[at++] = i == 0 ? (byte)'[' : (byte)',';
            at += MapEntryJson.Write(claims[i].Digest, claims[i].Index, text[at..]);
        }
        text[at++] = (byte)']';
        return at;
    }
}
