namespace Quorate.Nix;

/// <summary>What of an object its content address hashes.</summary>
public enum ContentMethod
{
    /// <summary>The bytes of one file that is not executable.</summary>
    Flat,

    /// <summary>The object's Nix archive.</summary>
    Nar,

    /// <summary>The bytes of one file, whose references are part of the address.</summary>
    Text,

    /// <summary>Git's blob or tree.</summary>
    Git,
}

/// <summary>The words that Nix has for them.</summary>
public static class ContentMethods
{
    /// <summary>In JSON.</summary>
    public static string Name(ContentMethod method) =>
        method switch
        {
            ContentMethod.Nar => "nar",
            ContentMethod.Git => "git",
            ContentMethod.Text => "text",
            _ => "flat",
        };

    public static bool TryParse(string? name, out ContentMethod method)
    {
        foreach (var each in Enum.GetValues<ContentMethod>())
        {
            method = each;
            if (Name(each) == name)
            {
                return true;
            }
        }
        method = default;
        return false;
    }

    /// <summary>What stands before the algorithm wherever both are written in one word.</summary>
    public static string Prefix(ContentMethod method) =>
        method switch
        {
            ContentMethod.Nar => "r:",
            ContentMethod.Git => "git:",
            ContentMethod.Text => "text:",
            _ => "",
        };
}

/// <summary>The hash algorithms that content addresses name. Whether one is strong enough is the affair of whoever states it.</summary>
public static class ContentAlgorithm
{
    /// <summary>Longest digest, in bytes.</summary>
    public const int MaxSize = 64;

    /// <summary>Length of the digest in bytes; 0 for a name that Nix does not have.</summary>
    public static int SizeOf(ReadOnlySpan<char> name) =>
        name switch
        {
            "md5" => 16,
            "sha1" => 20,
            "sha256" or "blake3" => 32,
            "sha512" => 64,
            _ => 0,
        };
}
