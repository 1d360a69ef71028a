namespace Quorate.Nix.Derivations;

/// <summary>What of an output is hashed.</summary>
public enum OutputMethod
{
    Flat,
    Nar,
    Text,
    Git,
}

/// <summary>One output of a derivation, with the texts that its ATerm states.</summary>
/// <param name="Name">Characters of a store path's name.</param>
/// <param name="Path">Stated by input-addressed and fixed outputs, else null.</param>
/// <param name="HashAlgorithm">Method prefix and algorithm (<c>r:sha256</c>); empty for input-addressed and deferred outputs.</param>
/// <param name="Hash">Lowercase hexadecimal of a fixed output, <c>impure</c>, or empty.</param>
public sealed record DerivationOutput(string Name, StorePath? Path, string HashAlgorithm, string Hash)
{
    const string ImpureMark = "impure";

    public DerivationKind Kind =>
        HashAlgorithm.Length == 0
            ? Path is null
                ? DerivationKind.Deferred
                : DerivationKind.InputAddressed
            : Path is not null
                ? DerivationKind.FixedOutput
                : Hash == ImpureMark
                    ? DerivationKind.Impure
                    : DerivationKind.Floating;

    /// <summary>Of content-addressed outputs.</summary>
    public OutputMethod Method =>
        HashAlgorithm.StartsWith("r:", StringComparison.Ordinal) ? OutputMethod.Nar
        : HashAlgorithm.StartsWith("text:", StringComparison.Ordinal) ? OutputMethod.Text
        : HashAlgorithm.StartsWith("git:", StringComparison.Ordinal) ? OutputMethod.Git
        : OutputMethod.Flat;

    /// <summary>The algorithm without the method.</summary>
    public string Algorithm => HashAlgorithm[(HashAlgorithm.IndexOf(':', StringComparison.Ordinal) + 1)..];

    /// <summary>False for a combination of the three texts that no kind of output prints.</summary>
    internal bool IsValid
    {
        get
        {
            if (HashAlgorithm.Length == 0)
            {
                return Hash.Length == 0;
            }
            var size = Algorithm switch
            {
                "md5" => 16,
                "sha1" => 20,
                "sha256" or "blake3" => 32,
                "sha512" => 64,
                _ => 0,
            };
            var prefix = HashAlgorithm[..^Algorithm.Length];
            return size != 0
                && prefix is "" or "r:" or "text:" or "git:"
                && (Path is null ? Hash is "" or ImpureMark : Hash.Length == 2 * size && Hash.All(char.IsAsciiHexDigitLower));
        }
    }
}
