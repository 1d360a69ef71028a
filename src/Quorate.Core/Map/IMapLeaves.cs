namespace Quorate.Core.Map;

/// <summary>
/// Where the map reads back what it does not keep: it holds eight bytes of each key's path, and the log has the rest. Called by the writer and by
/// readers at once.
/// </summary>
public interface IMapLeaves
{
    /// <summary>
    /// The path (SHA-256 of the key) and the value hash (SHA-256 of what <see cref="MapRule"/> writes) that were put in with this log index. The map
    /// recomputes the leaf's hash from them: a wrong answer is found out.
    /// </summary>
    void Read(ulong index, out Sha256Digest path, out Sha256Digest valueHash);

    /// <summary>
    /// With which index below <paramref name="treeSize"/> the path of the leaf with this index was put in last; null when it was not there. Asked only
    /// of leaves with a larger index, for the map of an earlier size.
    /// </summary>
    ulong? Before(ulong index, ulong treeSize) => null;
}

/// <summary>What the map holds is not what was put in, or the log no longer has the entry that a leaf names.</summary>
public sealed class MapDamagedException(string message) : IOException(message);
