using System.Collections.Immutable;

namespace Quorate.Nix.Derivations;

/// <summary>What a derivation is made from. Order does not matter, but for arguments: printing sorts.</summary>
public sealed record DerivationParts
{
    public required string StoreDir { get; init; }

    public required ImmutableArray<DerivationOutput> Outputs { get; init; }

    public ImmutableArray<DerivationInput> Inputs { get; init; } = [];

    public ImmutableArray<StorePath> Sources { get; init; } = [];

    public required ReadOnlyMemory<byte> System { get; init; }

    public required ReadOnlyMemory<byte> Builder { get; init; }

    public ImmutableArray<ReadOnlyMemory<byte>> Arguments { get; init; } = [];

    public ImmutableArray<EnvironmentVariable> Environment { get; init; } = [];

    public static DerivationParts Of(Derivation derivation) =>
        new()
        {
            StoreDir = derivation.StoreDir,
            Outputs = derivation.Outputs,
            Inputs = derivation.Inputs,
            Sources = derivation.Sources,
            System = derivation.System,
            Builder = derivation.Builder,
            Arguments = derivation.Arguments,
            Environment = derivation.Environment,
        };

    /// <summary>With a variable set, whether or not there was one of this name.</summary>
    public DerivationParts With(ReadOnlyMemory<byte> name, ReadOnlyMemory<byte> value) =>
        this with
        {
            Environment =
            [
                .. Environment.Where(variable => !variable.Name.Span.SequenceEqual(name.Span)),
                new EnvironmentVariable(name, value),
            ],
        };

    /// <summary>The derivation.</summary>
    /// <exception cref="Core.MalformedException">The parts do not make one: outputs of several kinds, a name twice, a path elsewhere.</exception>
    public Derivation ToDerivation()
    {
        using var text = new AtermWriter(4096);
        DerivationPrinter.Print(this, text);
        return Derivation.Parse(text.ToArray(), StoreDir);
    }
}
