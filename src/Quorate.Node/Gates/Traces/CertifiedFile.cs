using Quorate.Nix;

namespace Quorate.Node.Gates.Traces;

/// <summary>
/// Holds a narinfo file of an upstream against the path of a verified build. The path is a hash over content address and references, so that whatever
/// leads to it is right. The NAR hash of an object that refers to itself does not follow from the path; it must be the one that builders state, if any
/// does, and Nix recomputes both from the bytes before it registers them.
/// </summary>
static class CertifiedFile
{
    /// <summary>The content address under which the described object has the verified path; null when it is another object, or states none.</summary>
    public static string? AddressOf(NarInfo info, VerifiedObject verified)
    {
        if (info.StorePath != verified.Path || (!verified.NarHashes.IsEmpty && !verified.NarHashes.Contains(info.NarHash)))
        {
            return null;
        }
        if (ContentAddressing.CertifiesItself(info.StorePath, info.NarHash, info.References))
        {
            return ContentAddressing.RecursiveSha256Field(info.NarHash);
        }
        return ContentAddress.TryParse(info.ContentAddress, out var address) && PathOf(info, address) == verified.Path
            ? info.ContentAddress
            : null;
    }

    static StorePath? PathOf(NarInfo info, ContentAddress address)
    {
        var others = info.References.Where(reference => reference != info.StorePath).ToList();
        var self = others.Count < info.References.Count;
        // Without a reference to itself, what such a path covers is the NAR hash, which was seen not to fit.
        if (!self && address is { Method: ContentMethod.Nar, Algorithm: "sha256" })
        {
            return null;
        }
        try
        {
            return ContentAddressing.PathOf(address, others, self, info.StorePath.StoreDir, info.StorePath.Name);
        }
        catch (FormatException)
        {
            // Objects of this kind cannot have such references.
            return null;
        }
    }
}
