using Quorate.Nix.Derivations;

namespace Quorate.Nix.Traces;

/// <summary>What a claim must be about to count: one resolved derivation, computed here and never taken from a builder.</summary>
/// <param name="Input">The hash of the resolved derivation, which is also what was looked up.</param>
/// <param name="OutputPathNames">
/// The derivation's outputs, each with the name that its store path must have: that of the derivation, and a suffix for outputs other than <c>out</c>.
/// </param>
public sealed record TraceQuestion(
    ResolvedInputHash Input,
    TraceRegime Regime,
    IReadOnlyDictionary<string, string> OutputPathNames,
    string StoreDir = StorePath.DefaultStoreDir
)
{
    /// <summary>
    /// The outputs that the hash itself names, which is so for the views of input-addressed builds in JWS 3; null where it follows from the inputs alone. A claim
    /// must state exactly these.
    /// </summary>
    public IReadOnlyDictionary<string, StorePath>? Own { get; init; }
}
