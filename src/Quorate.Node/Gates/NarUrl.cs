using System.Diagnostics.CodeAnalysis;
using Quorate.Core;
using Quorate.Core.Encodings;
using Quorate.Nix;

namespace Quorate.Node.Gates;

/// <summary>
/// The gate's own name of a NAR: <c>nar/NARHASH-HASHPART.nar[.COMPRESSION]</c>, NARHASH being 52 characters of Nix base 32. It carries all
/// that is needed to find the bytes again: which path to ask upstreams for, which of their answers is meant, and in which compression.
/// </summary>
sealed record NarUrl(Sha256Digest NarHash, string HashPart, string Compression)
{
    const string Folder = "nar/";
    const int NarHashLength = 52;

    public static NarUrl Of(NarInfo upstream) => new(upstream.NarHash, upstream.StorePath.HashPart, upstream.Compression);

    /// <param name="path">A request's path without the leading slash.</param>
    public static bool TryParse(ReadOnlySpan<char> path, [NotNullWhen(true)] out NarUrl? url)
    {
        url = null;
        if (!path.StartsWith(Folder, StringComparison.Ordinal))
        {
            return false;
        }
        var rest = path[Folder.Length..];
        const int stem = NarHashLength + 1 + StorePath.HashPartLength;
        if (
            rest.Length < stem
            || rest[NarHashLength] != '-'
            || !Nix.NarHash.TryNix32(rest[..NarHashLength], out var narHash)
            || !StorePath.IsHashPart(rest[(NarHashLength + 1)..stem])
            || !rest[stem..].StartsWith(".nar", StringComparison.Ordinal)
            || !BinaryCacheNames.TryNarExtension(rest[(stem + 4)..], out var compression)
        )
        {
            return false;
        }
        url = new NarUrl(narHash, rest[(NarHashLength + 1)..stem].ToString(), compression);
        return true;
    }

    public override string ToString() =>
        $"{Folder}{Nix32.Encode(NarHash.AsSpan())}-{HashPart}.nar{BinaryCacheNames.NarExtension(Compression)}";
}
