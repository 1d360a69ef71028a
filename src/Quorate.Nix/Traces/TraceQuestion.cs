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
);
