using System.Diagnostics.CodeAnalysis;
using Quorate.Core.Json;
using Quorate.Crypto.Envelopes;
using Quorate.Nix.Derivations;

namespace Quorate.Nix.Traces;

/// <summary>
/// Traces that lie in a file by themselves, not under the hash of what they are about: one bundle, lines of bundles, or a set of JWS. To be found, each is
/// filed under the input that it names. Nobody's signature is looked at for that: it is <see cref="TraceAdmission"/>'s work, and it holds the input against
/// the question again.
/// </summary>
public static class LooseTraces
{
    /// <summary>As <see cref="TraceObject.TryRead"/>, but a single bundle may also be spread over several lines.</summary>
    public static bool TryRead(ReadOnlyMemory<byte> bytes, [NotNullWhen(true)] out TraceObject? traces, out string problem)
    {
        if (!TraceObject.TryRead(bytes, out traces, out problem))
        {
            return false;
        }
        if (
            traces is { Layout: TraceLayout.BundleLines, Elements.Count: > 1 }
            && bytes.Length <= TraceObject.MaxElementBytes
            && StrictJson.TryParse(bytes, out var document, out _)
        )
        {
            document.Dispose();
            traces = TraceObject.OfElements([bytes[bytes.Span.IndexOf((byte)'{')..]]);
        }
        return true;
    }

    /// <summary>Null, and the input that the element says it is about; or why that cannot be told.</summary>
    public static TraceRefusal? TryFile(TraceElement element, out ResolvedInputHash? input)
    {
        input = null;
        if (element.Raw.Length > TraceObject.MaxElementBytes)
        {
            return new TraceRefusal(TraceFault.TooLarge, $"an element of {element.Raw.Length} bytes");
        }
        var problem = element.IsJws ? OfJws(element.Raw, out input) : OfBundle(element.Raw, out input);
        return problem is null ? null : new TraceRefusal(TraceFault.Malformed, problem);
    }

    static string? OfJws(ReadOnlyMemory<byte> text, out ResolvedInputHash? input)
    {
        input = null;
        if (
            !CompactJws.TryRead(text, TraceObject.MaxElementBytes, out var jws, out var problem)
            || !StrictJson.TryParse(jws.Payload, out var document, out problem)
        )
        {
            return problem;
        }
        using (document)
        {
            if (!JwsReader.TryInput(document.RootElement, out _, out var named))
            {
                return JwsReader.NoInput;
            }
            input = named;
            return null;
        }
    }

    static string? OfBundle(ReadOnlyMemory<byte> json, out ResolvedInputHash? input)
    {
        input = null;
        if (!StrictJson.TryParse(json, out var bundle, out var problem))
        {
            return problem;
        }
        DsseEnvelope? envelope;
        using (bundle)
        {
            if (!BundleReader.TryEnvelope(bundle.RootElement, out envelope, out problem))
            {
                return problem;
            }
        }
        if (!StrictJson.TryParse(envelope.Payload, out var statement, out problem))
        {
            return $"statement: {problem}";
        }
        using (statement)
        {
            if (!StatementReader.TryRead(statement.RootElement, out var content, out problem))
            {
                return $"statement: {problem}";
            }
            input = content.Input;
            return input is null ? "statement: names its input by no scheme that is known" : null;
        }
    }
}
