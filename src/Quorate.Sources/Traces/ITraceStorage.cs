namespace Quorate.Sources.Traces;

/// <summary>An object; <see cref="Tag"/> is what a server calls this version of it, null where it does not or the place is none.</summary>
sealed record StoredTrace(ReadOnlyMemory<byte> Bytes, string? Tag);

/// <summary>One kind of place for trace objects: HTTP, or a directory.</summary>
interface ITraceStorage : IDisposable
{
    /// <summary>Null when the place says that it has no such object.</summary>
    /// <exception cref="TraceCacheException">It does not answer, or not as it should.</exception>
    Task<StoredTrace?> ReadAsync(Uri name, int maxBytes, CancellationToken cancellationToken);

    /// <summary>Makes the place itself where that can be done, before anything is added to it.</summary>
    /// <exception cref="TraceCacheException"/>
    void Prepare();

    /// <summary>Writes the object if it still is what was read; null means that it must not exist. False when somebody else was faster.</summary>
    /// <exception cref="TraceCacheException"/>
    Task<bool> TryWriteAsync(Uri name, byte[] bytes, StoredTrace? read, CancellationToken cancellationToken);
}

/// <summary>A trace cache failed: unreachable, slow, over a limit, or refusing. Says nothing about what it has.</summary>
public sealed class TraceCacheException(string message, Exception? inner = null) : IOException(message, inner);
