using System.Collections.Immutable;

namespace Quorate.Nix.Derivations;

/// <summary>Outputs of another derivation that a derivation uses.</summary>
/// <param name="Derivation">Path of the other derivation.</param>
/// <param name="Outputs">Names of the used outputs, sorted; empty only where something dynamic is used instead.</param>
/// <param name="Dynamic">Outputs that are themselves derivations, and what of those is used; nearly always empty.</param>
public readonly record struct DerivationInput(StorePath Derivation, ImmutableArray<string> Outputs, ImmutableArray<DynamicInput> Dynamic);

/// <summary>Outputs of a derivation that exists only once an output was built.</summary>
/// <param name="Output">The output that is a derivation.</param>
/// <param name="Outputs">What of it is used, sorted.</param>
/// <param name="Dynamic">Further levels.</param>
public sealed record DynamicInput(string Output, ImmutableArray<string> Outputs, ImmutableArray<DynamicInput> Dynamic);
