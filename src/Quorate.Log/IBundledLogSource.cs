using Quorate.Log.Tiles;

namespace Quorate.Log;

/// <summary>How much of a log a remote gives in bundles: everything under its published checkpoint.</summary>
public readonly record struct BundledSizes(ulong Entries, ulong Heads);

/// <summary>
/// A remote that may also give a log in bundles of 256 (docs/formats/tiles.md), as our own nodes do, which takes one call where <see cref="ILogSource"/>
/// takes hundreds. The same rules hold: nothing is checked but lengths, and every fault is a <see cref="LogSourceException"/>.
/// </summary>
public interface IBundledLogSource : ILogSource
{
    /// <summary>Null where the remote gives no bundles of this log.</summary>
    Task<BundledSizes?> BundledAsync(LogId log, CancellationToken cancellationToken);

    /// <summary>At most <see cref="EntryBundle.MaxLength"/> bytes, in memory of their own.</summary>
    Task<ReadOnlyMemory<byte>> EntryBundleAsync(LogId log, TileNumber number, CancellationToken cancellationToken);

    /// <summary>At most <see cref="ValueBundle.MaxLength"/> bytes, in memory of their own.</summary>
    Task<ReadOnlyMemory<byte>> ValueBundleAsync(LogId log, TileNumber number, CancellationToken cancellationToken);

    Task<ReadOnlyMemory<byte>> HeadBundleAsync(LogId log, TileNumber number, CancellationToken cancellationToken);
}
