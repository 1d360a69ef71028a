namespace Quorate.Sources.Control;

/// <summary>One HTTP exchange with a node's control listener. Response bodies are bounded by the implementation.</summary>
public interface IControlTransport : IAsyncDisposable
{
    /// <param name="path">Path and query, beginning with a slash.</param>
    /// <param name="body">A JSON document; null for GET.</param>
    /// <exception cref="NodeUnreachableException">No answer could be had.</exception>
    Task<ControlReply> SendAsync(string method, string path, ReadOnlyMemory<byte>? body, CancellationToken cancellationToken);
}

public readonly record struct ControlReply(int Status, ReadOnlyMemory<byte> Body);
