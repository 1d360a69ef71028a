using Quorate.Node.Configuration;

namespace Quorate.Node.Rpc;

/// <summary>Which listener a call came in through.</summary>
public enum RpcSurface
{
    /// <summary>Open to the world: published logs, and writing with a token.</summary>
    Public,

    /// <summary>The operator's socket: everything.</summary>
    Control,
}

/// <summary>What a service method needs to know of its caller.</summary>
/// <param name="Token">The verified write token; null where none was sent.</param>
public readonly record struct RpcCall(RpcSurface Surface, TokenSection? Token);
