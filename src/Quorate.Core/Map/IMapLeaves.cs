namespace Quorate.Core.Map;

/// <summary>
/// Where the map reads back what it does not keep: it holds eight bytes of each key's path, and the log has the rest. Called by the writer and by
/// readers at once.
/// </summary>
public interface IMapLeaves
{
    /// <summary>
    /// The path (SHA-256 of the key) and the value hash (SHA-256 of the <see cref="MapEntryJson"/>) of the entry with this log index. The map
    /// recomputes the leaf's hash from them: a wrong answer is found out.
    /// </summary>
    void Read(ulong index, out Sha256Digest path, out Sha256Digest valueHash);
}

/// <summary>What the map holds is not what was put in, or the log no longer has the entry that a leaf names.</summary>
public sealed class MapDamagedException(string message) : IOException(message);
