using Quorate.Core;
using Quorate.Core.Files;

namespace Quorate.Nix.Synthetic;

/// <summary>All that an object's view follows from, but for its content.</summary>
/// <param name="Location">Where the object is on disk.</param>
/// <param name="NarHash">What the store registered.</param>
/// <param name="Below">Digest of the references, of their views and of everything below them.</param>
public sealed record ViewSubject(StorePath Path, string Location, Sha256Digest NarHash, Sha256Digest Below);

/// <summary>What a cache found.</summary>
/// <param name="Stamp">The object's files as they are now, to be compared when it was read.</param>
/// <param name="View">Null when the object has to be read.</param>
public sealed record ViewLookup(ViewSubject Subject, TreeStamp Stamp, StorePath? View);

/// <summary>Views that an earlier run computed. Why an entry may be believed is in docs/formats/synthetic-view.md.</summary>
public interface IViewCache
{
    /// <summary>Looks at the names of the object's files and at what the file system says of them, never into them.</summary>
    /// <exception cref="IOException">The object cannot be looked at.</exception>
    ViewLookup Find(ViewSubject subject, CancellationToken cancellationToken);

    /// <summary>Keeps the view that was computed by reading the object after <paramref name="lookup"/>. Never throws for a full disk.</summary>
    /// <exception cref="IOException">The object cannot be looked at.</exception>
    void Keep(ViewLookup lookup, StorePath view, CancellationToken cancellationToken);
}
