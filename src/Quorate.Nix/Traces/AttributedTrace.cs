using Quorate.Crypto;
using Quorate.Nix.Derivations;

namespace Quorate.Nix.Traces;

/// <summary>
/// What a trace element says and who signed it, for those who keep traces without having the derivation at hand. Whether it is right about
/// the derivation's outputs is <see cref="TraceAdmission"/>'s question.
/// </summary>
/// <param name="Signer">The configured key under which the signature verified.</param>
/// <param name="Input">Null when the element identifies its input by schemes that are not known here.</param>
/// <param name="Paths">What it says the outputs' paths are, as they stand; null for an output that it identifies otherwise.</param>
public sealed record AttributedTrace(Ed25519PublicKey Signer, ResolvedInputHash? Input, TraceRegime Regime, IReadOnlyList<string?> Paths)
{
    /// <summary>Null, and the trace; or why the element is none by one of the keys.</summary>
    public static TraceRefusal? Read(TraceElement element, TraceKeys keys, out AttributedTrace? trace)
    {
        trace = null;
        if (element.Raw.Length > TraceObject.MaxElementBytes)
        {
            return new TraceRefusal(TraceFault.TooLarge, $"an element of {element.Raw.Length} bytes");
        }
        var refusal = element.IsJws
            ? JwsReader.Read(element.Raw, keys, out var reading)
            : BundleReader.Read(element.Raw, keys, out reading);
        trace = reading is null
            ? null
            : new AttributedTrace(reading.Signer, reading.Input, reading.Regime, [.. reading.Outputs.Select(output => output.Path)]);
        return refusal;
    }

    /// <summary>The same, of an element that must be about this input.</summary>
    public static TraceRefusal? Read(TraceElement element, TraceKeys keys, ResolvedInputHash input, out AttributedTrace? trace)
    {
        var refusal = Read(element, keys, out trace);
        return refusal is not null || trace!.Input == input
            ? refusal
            : new TraceRefusal(TraceFault.OtherInput, $"signed for {trace.Input}, looked up as {input}");
    }
}
