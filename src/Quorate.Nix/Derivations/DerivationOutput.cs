namespace Quorate.Nix.Derivations;

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
    public ContentMethod Method =>
        HashAlgorithm.StartsWith("r:", StringComparison.Ordinal) ? ContentMethod.Nar
        : HashAlgorithm.StartsWith("text:", StringComparison.Ordinal) ? ContentMethod.Text
        : HashAlgorithm.StartsWith("git:", StringComparison.Ordinal) ? ContentMethod.Git
        : ContentMethod.Flat;

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
            return ContentMethods.Prefix(Method) + Algorithm == HashAlgorithm
                && ContentAddress.Allows(Method, Algorithm)
                && (
                    Path is null
                        ? Hash is "" or ImpureMark
                        : Hash.Length == 2 * ContentAlgorithm.SizeOf(Algorithm) && Hash.All(char.IsAsciiHexDigitLower)
                );
        }
    }
}
