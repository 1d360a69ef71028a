using Quorate.Nix.Store;

namespace Quorate.Nix.Synthetic;

/// <summary>The realised objects of a store.</summary>
public interface IStoreObjects
{
    /// <summary>What the store registered of objects, in their order; an object itself may be among its references.</summary>
    /// <exception cref="IOException">The store does not have one of them, or does not answer.</exception>
    Task<IReadOnlyList<NixClaim>> RegisteredAsync(IReadOnlyList<StorePath> paths, CancellationToken cancellationToken);

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
    public async Task<IReadOnlyList<NixClaim>> RegisteredAsync(IReadOnlyList<StorePath> paths, CancellationToken cancellationToken) =>
        [.. (await registered(paths, cancellationToken)).Select(fact => fact.Claim)];

    public string Location(StorePath path) => root + path;
}
