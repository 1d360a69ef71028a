using System.Text;
using Quorate.Core;
using Quorate.Core.Encodings;

namespace Quorate.Nix;

/// <summary>
/// Store paths that follow from their content. A path's hash part is the folded SHA-256 of
/// <c>TYPE:sha256:HEX:STOREDIR:NAME</c>, where TYPE lists the references of <c>text</c> and <c>source</c> objects.
/// </summary>
public static class ContentAddressing
{
    /// <summary>XORs a digest down to 20 bytes, as Nix does for store paths.</summary>
    public static byte[] Fold(Sha256Digest digest)
    {
        var folded = new byte[20];
        var bytes = digest.AsSpan();
        for (var i = 0; i < bytes.Length; i++)
        {
            folded[i % folded.Length] ^= bytes[i];
        }
        return folded;
    }

    /// <summary>A path from its fingerprint's parts.</summary>
    /// <param name="type"><c>source</c>, <c>text</c> (either with references) or <c>output:NAME</c>.</param>
    /// <exception cref="FormatException">Store directory or name is not valid.</exception>
    public static StorePath MakePath(string type, Sha256Digest inner, string storeDir, string name)
    {
        var fingerprint = Encoding.ASCII.GetBytes($"{type}:sha256:{inner}:{storeDir}:{name}");
        return FromFingerprint(Sha256Digest.HashData(fingerprint), storeDir, name);
    }

    /// <summary>A path from the hash of its fingerprint.</summary>
    /// <exception cref="FormatException">Store directory or name is not valid.</exception>
    internal static StorePath FromFingerprint(Sha256Digest fingerprint, string storeDir, string name) =>
        StorePath.TryFromBaseName(storeDir, $"{Nix32.Encode(Fold(fingerprint))}-{name}", out var path)
            ? path
            : throw new FormatException("the store directory or the name is not valid");

    /// <summary>Path of a text object (derivations, <c>builtins.toFile</c>): from its content and references.</summary>
    public static StorePath Text(Sha256Digest contentHash, IEnumerable<StorePath> references, string storeDir, string name) =>
        MakePath(WithReferences("text", references), contentHash, storeDir, name);

    /// <summary>
    /// Path of an object that is addressed by the SHA-256 of its NAR (<c>fixed:r:sha256</c>, <c>source</c>) and does not reference itself.
    /// </summary>
    public static StorePath RecursiveSha256(Sha256Digest narHash, IEnumerable<StorePath> references, string storeDir, string name) =>
        MakePath(WithReferences("source", references), narHash, storeDir, name);

    /// <summary>
    /// Path of any other fixed output: a flat file under any algorithm, or a NAR under one that is not SHA-256. Such objects have no
    /// references.
    /// </summary>
    /// <param name="algorithm"><c>sha256</c>, <c>sha512</c>, <c>sha1</c> or <c>md5</c>.</param>
    /// <exception cref="ArgumentException">A NAR under SHA-256: that is <see cref="RecursiveSha256"/>, whose path is made differently.</exception>
    public static StorePath FixedOutput(bool recursive, string algorithm, ReadOnlySpan<byte> hash, string storeDir, string name)
    {
        if (recursive && algorithm == "sha256")
        {
            throw new ArgumentException("a NAR under SHA-256 has a source path", nameof(algorithm));
        }
        return Fixed(recursive ? ContentMethod.Nar : ContentMethod.Flat, algorithm, hash, storeDir, name);
    }

    /// <summary>The path of an object with this content address, whatever its kind.</summary>
    /// <param name="address">For an object that refers to itself, the hash modulo self-references.</param>
    /// <param name="references">Without the object itself.</param>
    /// <param name="selfReference">Whether the object refers to itself.</param>
    /// <exception cref="FormatException">
    /// Objects of this kind cannot have such references, or store directory or name are not valid.
    /// </exception>
    public static StorePath PathOf(
        ContentAddress address,
        IReadOnlyCollection<StorePath> references,
        bool selfReference,
        string storeDir,
        string name
    )
    {
        if (address is { Method: ContentMethod.Nar, Algorithm: "sha256" })
        {
            var type = WithReferences("source", references) + (selfReference ? ":self" : "");
            return MakePath(type, new Sha256Digest(address.Hash), storeDir, name);
        }
        if (selfReference)
        {
            throw new FormatException("an object of this kind cannot refer to itself");
        }
        if (address.Method == ContentMethod.Text)
        {
            return Text(new Sha256Digest(address.Hash), references, storeDir, name);
        }
        return references.Count == 0
            ? Fixed(address.Method, address.Algorithm, address.Hash, storeDir, name)
            : throw new FormatException("an object of this kind cannot have references");
    }

    /// <summary>
    /// True when the path follows from NAR hash and references alone, so that nobody needs to vouch for it. Never true for an object that
    /// references itself: what its path covers is the hash modulo the self-references, which the NAR hash does not tell.
    /// </summary>
    public static bool CertifiesItself(StorePath path, Sha256Digest narHash, IReadOnlyCollection<StorePath> references)
    {
        if (references.Contains(path) || references.Any(r => r.StoreDir != path.StoreDir))
        {
            return false;
        }
        return RecursiveSha256(narHash, references, path.StoreDir, path.Name) == path;
    }

    /// <summary>The narinfo field <c>CA</c> of an object for which <see cref="CertifiesItself"/> holds.</summary>
    public static string RecursiveSha256Field(Sha256Digest narHash) => "fixed:r:" + NarHash.ToNix32(narHash);

    static StorePath Fixed(ContentMethod method, string algorithm, ReadOnlySpan<byte> hash, string storeDir, string name)
    {
        var preimage = $"fixed:out:{ContentMethods.Prefix(method)}{algorithm}:{Hex.Encode(hash)}:";
        return MakePath("output:out", Sha256Digest.HashData(Encoding.ASCII.GetBytes(preimage)), storeDir, name);
    }

    static string WithReferences(string type, IEnumerable<StorePath> references)
    {
        var text = new StringBuilder(type);
        foreach (var reference in references.Order())
        {
            text.Append(':').Append(reference);
        }
        return text.ToString();
    }
}
