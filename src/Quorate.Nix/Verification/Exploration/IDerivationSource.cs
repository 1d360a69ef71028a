namespace Quorate.Nix.Verification;

/// <summary>Where derivations are read from. What it gives is checked against the path that was asked for. Thread-safe.</summary>
public interface IDerivationSource
{
    /// <summary>The ATerm stored under a path; null where it is not.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    byte[]? Read(StorePath derivation);
}

/// <summary>A directory with files named as in a store: the store itself, or a copy of some of its derivations.</summary>
public sealed class DerivationDirectory(string directory) : IDerivationSource
{
    public byte[]? Read(StorePath derivation)
    {
        var file = Path.Combine(directory, derivation.BaseName);
        try
        {
            return new FileInfo(file) is { Exists: true } info
                ? info.Length <= Derivations.Derivation.MaxBytes
                    ? File.ReadAllBytes(file)
                    : throw new IOException($"{file} is larger than a derivation may be")
                : null;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }
}
