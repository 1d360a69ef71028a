using System.Runtime.CompilerServices;
using System.Text;
using Quorate.Log;
using Quorate.Nix.Derivations;
using Quorate.Nix.Traces;
using Quorate.Node.Configuration;

namespace Quorate.Node.Traces;

/// <summary>Which entries of a log of protocol <c>nix-trace</c> count: those about their key, signed by a claim key of the log's builder.</summary>
static class TraceClaims
{
    static readonly ConditionalWeakTable<IReadOnlyList<ClaimKeySection>, TraceKeys> s_keys = [];

    public static TraceKeys KeysOf(IReadOnlyList<ClaimKeySection> keys) =>
        s_keys.GetValue(keys, k => new TraceKeys(k.Select(key => key.Key)));

    /// <summary>Null, and the trace; or what is wrong with the item.</summary>
    public static string? Read(SubmitItem item, IReadOnlyList<ClaimKeySection> keys, out AttributedTrace? trace)
    {
        trace = null;
        if (
            item.Key.Length != ResolvedInputHash.TextLength
            || !ResolvedInputHash.TryParse(Encoding.Latin1.GetString(item.Key.Span), out var input)
        )
        {
            return $"the key is not a resolved input hash of {ResolvedInputHash.TextLength} characters";
        }
        // One line of the store's answers, as it stands.
        if (item.Value.Span.IndexOfAny((byte)'\n', (byte)'\r') >= 0 || item.Value.Length != item.Value.Trim(" \t"u8).Length)
        {
            return "the value has line ends, or white space around it";
        }
        return AttributedTrace.Read(TraceElement.Of(item.Value), KeysOf(keys), input, out trace)?.Detail;
    }
}
