using Quorate.Core;
using Quorate.Nix;
using Quorate.Nix.Synthetic;
using Quorate.Tests.Nix.Nar;

namespace Quorate.Tests.Nix.Synthetic;

/// <summary>A store's objects in a folder of a test, and what is registered of them.</summary>
sealed class FolderOfObjects : IStoreObjects, IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("view").FullName;
    readonly Dictionary<StorePath, NixClaim> _claims = [];

    /// <summary>How often it was asked what is registered.</summary>
    public int Asked { get; private set; }

    public static StorePath Path(char fill, string name) => StorePath.Parse($"/nix/store/{new string(fill, 32)}-{name}");

    public StorePath Add(char fill, string name, Func<StorePath, Tree> content, params StorePath[] references)
    {
        var path = Path(fill, name);
        Put(path, content(path), references);
        return path;
    }

    public void Put(StorePath path, Tree content, IReadOnlyList<StorePath> references)
    {
        var archive = content.ToArchive();
        content.WriteTo(Location(path));
        _claims[path] = new NixClaim(path, Sha256Digest.HashData(archive), (ulong)archive.Length, references);
    }

    /// <summary>Registers another hash, as after a garbage collection and another build.</summary>
    public void RegisterAgain(StorePath path, Sha256Digest hash) => _claims[path] = _claims[path] with { NarHash = hash };

    public string Location(StorePath path) => System.IO.Path.Combine(_folder, path.BaseName);

    public Task<IReadOnlyList<NixClaim>> RegisteredAsync(IReadOnlyList<StorePath> paths, CancellationToken cancellationToken)
    {
        Asked++;
        return Task.FromResult<IReadOnlyList<NixClaim>>([.. paths.Select(path => _claims[path])]);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
