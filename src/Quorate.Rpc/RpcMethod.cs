using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Quorate.Rpc;

/// <summary>One unary procedure.</summary>
/// <param name="Procedure">The request path and, in Trustix tokens, the signed name: <c>/package.Service/Method</c>.</param>
public abstract record RpcMethod(string Procedure);

/// <summary>One unary procedure with its message types.</summary>
public sealed record RpcMethod<TRequest, TResponse>(
    string Procedure,
    MessageParser<TRequest> RequestParser,
    MessageParser<TResponse> ResponseParser
) : RpcMethod(Procedure)
    where TRequest : class, IMessage<TRequest>, new()
    where TResponse : class, IMessage<TResponse>, new()
{
    /// <summary>Looks the method up in the service's descriptor, so that name and types are those of the .proto file.</summary>
    /// <exception cref="ArgumentException">The file has no such method, or it has other types: a bug.</exception>
    internal static RpcMethod<TRequest, TResponse> Find(FileDescriptor file, string service, string name)
    {
        var method =
            file.Services.Single(s => s.Name == service).FindMethodByName(name)
            ?? throw new ArgumentException($"{service} has no method {name}", nameof(name));
        if (method.InputType.ClrType != typeof(TRequest) || method.OutputType.ClrType != typeof(TResponse))
        {
            throw new ArgumentException($"{method.FullName} has other message types", nameof(name));
        }
        return new RpcMethod<TRequest, TResponse>(
            $"/{method.Service.FullName}/{method.Name}",
            // Unknown fields would be kept in a dictionary per message, at many times their size.
            ((MessageParser<TRequest>)method.InputType.Parser).WithDiscardUnknownFields(true),
            ((MessageParser<TResponse>)method.OutputType.Parser).WithDiscardUnknownFields(true)
        );
    }
}
