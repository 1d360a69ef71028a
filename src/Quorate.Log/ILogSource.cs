using Quorate.Core;

namespace Quorate.Log;

/// <summary>
/// Port through which a foreign log is fetched from one remote. Nothing that it returns has been checked. Implementations limit size and
/// time, count decompressed bytes, and throw <see cref="LogSourceException"/> for every fault of the remote.
/// </summary>
public interface ILogSource
{
    /// <summary>The remote's base URL, for messages.</summary>
    string Remote { get; }

    Task<LogHead> HeadAsync(LogId log, CancellationToken cancellationToken);

    Task<IReadOnlyList<Sha256Digest>> ConsistencyProofAsync(LogId log, ulong first, ulong second, CancellationToken cancellationToken);

    /// <summary>Entries both ends inclusive; indexes are assigned by position. Leaf hashes are as stated by the remote, not recomputed.</summary>
    Task<IReadOnlyList<LogEntry>> EntriesAsync(LogId log, ulong start, ulong finish, CancellationToken cancellationToken);

    Task<IReadOnlyList<Sha256Digest>> MapHistoryLeavesAsync(LogId log, ulong start, ulong finish, CancellationToken cancellationToken);

    /// <summary>The map's answer, or null when the remote says that it has none without proving it (a Go Trustix does).</summary>
    Task<MapAnswer?> MapValueAsync(LogId log, ReadOnlyMemory<byte> key, Sha256Digest mapRoot, CancellationToken cancellationToken);

    /// <summary>RFC 6962 PATH(index, D[treeSize]), or null when the remote cannot give one (a Go Trustix cannot).</summary>
    Task<IReadOnlyList<Sha256Digest>?> InclusionProofAsync(LogId log, ulong index, ulong treeSize, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<Sha256Digest>?>(null);

    /// <summary>The value's bytes as the remote gave them; the caller checks the digest.</summary>
    Task<ReadOnlyMemory<byte>> ValueAsync(Sha256Digest digest, CancellationToken cancellationToken);
}

/// <summary>A remote failed: unreachable, slow, over a limit, or speaking garbage. Says nothing about the log itself.</summary>
/// <remarks>The message does not name the remote: whoever reports it does, once (<see cref="RemoteFault"/>).</remarks>
public sealed class LogSourceException : IOException
{
    public LogSourceException(string message)
        : base(message) { }

    public LogSourceException(string message, Exception inner)
        : base(message, inner) { }
}
