using System.Net;
using Microsoft.AspNetCore.Http;
using Quorate.Core;
using Quorate.Crypto.Tokens;
using Quorate.Node.Configuration;
using Quorate.Rpc;

namespace Quorate.Node.Rpc;

/// <summary>Who may call, and how many at once. One for each surface, so that the public one cannot starve the operator's.</summary>
sealed class SurfaceGuard(RpcSurface surface, Func<NodeSection> settings)
{
    int _running;

    public RpcSurface Surface => surface;

    /// <summary>The configuration as of now; a reload may replace it.</summary>
    public NodeSection Settings => settings();

    public bool TryEnter()
    {
        if (Interlocked.Increment(ref _running) <= Settings.MaxConcurrentRequests)
        {
            return true;
        }
        Interlocked.Decrement(ref _running);
        return false;
    }

    public void Leave() => Interlocked.Decrement(ref _running);

    public RpcException Overloaded() =>
        new(RpcCode.Unavailable, $"more than {Settings.MaxConcurrentRequests} requests at once; try again later")
        {
            RetryAfter = TimeSpan.FromSeconds(1),
        };

    /// <summary>
    /// The verified token of a call, or null where none was sent. A token that is malformed, unknown or signs something else fails the call
    /// even where none was needed, as in Trustix. Client-sent <c>X-Trustix-Auth</c> means nothing.
    /// </summary>
    public TokenSection? Authorize(HttpContext context, RpcMethod method, bool writes)
    {
        var headers = context.Request.Headers[TrustixToken.HeaderName];
        if (headers.Count == 0)
        {
            return writes && surface == RpcSurface.Public
                ? throw new RpcException(RpcCode.Unauthenticated, "unauthenticated write call attempted")
                : null;
        }
        if (writes && !Settings.AllowCleartextTokens && IsExposed(context))
        {
            // The string is a constant: whoever saw it on the wire can write from now on.
            throw new RpcException(
                RpcCode.PermissionDenied,
                "write tokens are refused over unencrypted connections from other machines; replace this one, it may have been seen"
            );
        }
        return headers.Count == 1
            ? Verify(headers[0]!, method.Procedure)
            : throw new RpcException(RpcCode.Unauthenticated, "more than one write token");
    }

    TokenSection Verify(string header, string procedure)
    {
        var tokens = Settings.Tokens;
        var accepted = tokens.Select(t => new TrustixPublicToken(t.Name, t.Key));
        return TrustixPublicToken.Check(header, procedure, accepted, out var token) is Verification.Rejected rejected
            ? throw new RpcException(RpcCode.Unauthenticated, rejected.Detail)
            : tokens.First(t => t.Name == token!.Name && t.Key.Equals(token.Key));
    }

    static bool IsExposed(HttpContext context) =>
        !context.Request.IsHttps && context.Connection.RemoteIpAddress is { } address && !IPAddress.IsLoopback(address);
}
