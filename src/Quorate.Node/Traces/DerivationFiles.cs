using System.Diagnostics.CodeAnalysis;
using Quorate.Core;
using Quorate.Core.Files;
using Quorate.Nix;
using Quorate.Nix.Derivations;

namespace Quorate.Node.Traces;

/// <summary>
/// Resolved derivations beside the claims about them, in files of the state directory: whoever has one can compute for himself what its hash stands for. Only bytes
/// that have the hash are kept, so there is at most one object under each, for ever.
/// </summary>
sealed class DerivationFiles(string folder)
{
    const UnixFileMode FolderMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Null when there is none.</summary>
    public async Task<byte[]?> ReadAsync(ResolvedInputHash hash, CancellationToken cancellationToken)
    {
        try
        {
            return await File.ReadAllBytesAsync(PathOf(hash), cancellationToken);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>As <see cref="ReadAsync"/>, for callers that cannot wait.</summary>
    public byte[]? Read(ResolvedInputHash hash)
    {
        try
        {
            return File.ReadAllBytes(PathOf(hash));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Whether it is there.</summary>
    public bool Has(ResolvedInputHash hash) => File.Exists(PathOf(hash));

    /// <summary>Keeps a derivation durably.</summary>
    public void Write(ResolvedDerivation derivation)
    {
        var path = PathOf(derivation.Hash);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!, FolderMode);
        DurableFile.Replace(path, derivation.AtermBytes.Span, DurableFile.Private);
    }

    /// <summary>Reads bytes as the derivation with this hash. The name, which the bytes need not have, comes from the environment, as Nix puts it there.</summary>
    public static bool TryRead(
        ReadOnlyMemory<byte> aterm,
        ResolvedInputHash hash,
        [NotNullWhen(true)] out ResolvedDerivation? derivation,
        out string problem
    )
    {
        derivation = null;
        if (!Derivation.TryParse(aterm, StorePath.DefaultStoreDir, out var parsed, out problem))
        {
            return false;
        }
        if (EvaluatedForm.NameOf(parsed) is not { } name)
        {
            problem = "its environment does not tell its name, without which the hash cannot be computed";
            return false;
        }
        try
        {
            derivation = ResolvedDerivation.Parse(aterm, StorePath.DefaultStoreDir, name, hash);
            return true;
        }
        catch (MalformedException e)
        {
            problem = e.Message;
            return false;
        }
    }

    string PathOf(ResolvedInputHash hash)
    {
        var text = hash.ToString();
        return Path.Combine(folder, text[..2], text);
    }
}
