using Quorate.Nix.Store;

namespace Quorate.Nix.Synthetic;

/// <summary>The realised objects of a store.</summary>
public interface IStoreObjects
{
    /// <summary>What an object refers to, as its store registered it; the object itself may be among them.</summary>
    /// <exception cref="IOException">The store does not have it, or does not answer.</exception>
    Task<IReadOnlyCollection<StorePath>> ReferencesAsync(StorePath path, CancellationToken cancellationToken);

    /// <summary>Where the object is on disk.</summary>
    string Location(StorePath path);
}

/// <summary>The objects of a Nix store on this machine.</summary>
/// <param name="registered">What Nix registered about objects.</param>
/// <param name="root">What is before the store directory on disk: empty, or the folder that a diverted store is in.</param>
public sealed class RegisteredObjects(
    Func<IReadOnlyList<StorePath>, CancellationToken, Task<IReadOnlyList<PathFacts>>> registered,
    string root
) : IStoreObjects
{
    public async Task<IReadOnlyCollection<StorePath>> ReferencesAsync(StorePath path, CancellationToken cancellationToken) =>
        (await registered([path], cancellationToken))[0].Claim.References;

    public string Location(StorePath path) => root + path;
}
