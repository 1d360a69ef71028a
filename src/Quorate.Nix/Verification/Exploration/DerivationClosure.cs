using System.Collections.Immutable;
using Quorate.Core;
using Quorate.Nix.Derivations;

namespace Quorate.Nix.Verification;

/// <summary>Named outputs of another derivation of a closure.</summary>
public readonly record struct ClosureInput(int Position, ImmutableArray<string> Outputs);

/// <summary>One derivation of a closure.</summary>
/// <param name="Position">Its number; inputs have lower ones.</param>
/// <param name="Name">Without extension.</param>
/// <param name="Inputs">Empty for fixed outputs, whose inputs change nothing about what they are.</param>
public sealed record ClosureDerivation(int Position, StorePath Path, string Name, Derivation Derivation, IReadOnlyList<ClosureInput> Inputs)
{
    public bool IsFixed => Derivation.Kind == DerivationKind.FixedOutput;
}

/// <summary>
/// Every derivation whose outcome matters for a target, inputs before consumers. Each was read, parsed and found to be the one that its path names; fixed
/// outputs have the paths that follow from their hashes. Immutable.
/// </summary>
public sealed class DerivationClosure
{
    public const int MaxDerivations = 500_000;

    DerivationClosure(IReadOnlyList<ClosureDerivation> derivations) => Derivations = derivations;

    /// <summary>By position; the last is the target.</summary>
    public IReadOnlyList<ClosureDerivation> Derivations { get; }

    public ClosureDerivation Target => Derivations[^1];

    /// <exception cref="MalformedException">A derivation is missing, or is not what its path says.</exception>
    /// <exception cref="IOException">A derivation cannot be read.</exception>
    public static DerivationClosure Load(StorePath target, IDerivationSource source, CancellationToken cancellationToken)
    {
        var read = new Dictionary<StorePath, Derivation>();
        // A pool is one thread's. Derivations of one closure name the same paths over and over.
        using var pools = new ThreadLocal<StorePathPool>(() => new StorePathPool(target.StoreDir));
        IReadOnlyList<StorePath> open = [target];
        while (open.Count > 0)
        {
            var parsed = new Derivation[open.Count];
            try
            {
                Parallel.For(
                    0,
                    open.Count,
                    new ParallelOptions { CancellationToken = cancellationToken },
                    i => parsed[i] = Parse(open[i], source, pools.Value!)
                );
            }
            catch (AggregateException e)
            {
                throw new MalformedException(e.InnerExceptions[0].Message, e.InnerExceptions[0]);
            }
            for (var i = 0; i < parsed.Length; i++)
            {
                read.Add(open[i], parsed[i]);
            }
            if (read.Count > MaxDerivations)
            {
                throw new MalformedException($"the closure has more than {MaxDerivations} derivations");
            }
            open =
            [
                .. parsed
                    .Where(derivation => derivation.Kind != DerivationKind.FixedOutput)
                    .SelectMany(derivation => derivation.Inputs.Select(input => input.Derivation))
                    .Distinct()
                    .Where(path => !read.ContainsKey(path)),
            ];
        }
        return new DerivationClosure(Order(target, read));
    }

    static Derivation Parse(StorePath path, IDerivationSource source, StorePathPool pool)
    {
        var aterm = source.Read(path) ?? throw new MalformedException($"the derivation {path} is not at hand");
        if (!Derivation.TryParse(aterm, path.StoreDir, out var derivation, out var problem, pool))
        {
            throw new MalformedException($"{path}: {problem}");
        }
        if (!DerivationPaths.IsPathOf(path, derivation))
        {
            throw new MalformedException($"{path}: its content is not the derivation of that path");
        }
        // Fixed outputs are believed without evidence, so that they are what they state must follow from their own text.
        if (
            derivation.Kind == DerivationKind.FixedOutput
            && !DerivationPaths.AreOutputPathsRight(derivation, DerivationPaths.NameOf(path), new ModuloHashes(_ => null), out problem)
        )
        {
            throw new MalformedException($"{path}: {problem}");
        }
        return derivation;
    }

    /// <summary>Depth first without recursion: a closure may be deeper than the stack. Paths are hashes of content, so there are no cycles.</summary>
    static List<ClosureDerivation> Order(StorePath target, Dictionary<StorePath, Derivation> read)
    {
        var numbered = new Dictionary<StorePath, int>(read.Count);
        var ordered = new List<ClosureDerivation>(read.Count);
        var path = new Stack<(StorePath Derivation, int Next)>([(target, 0)]);
        while (path.TryPop(out var at))
        {
            var derivation = read[at.Derivation];
            var inputs = derivation.Kind == DerivationKind.FixedOutput ? [] : derivation.Inputs;
            if (at.Next < inputs.Length)
            {
                path.Push((at.Derivation, at.Next + 1));
                if (!numbered.ContainsKey(inputs[at.Next].Derivation))
                {
                    path.Push((inputs[at.Next].Derivation, 0));
                }
                continue;
            }
            if (numbered.TryAdd(at.Derivation, ordered.Count))
            {
                ClosureInput[] needed = [.. inputs.Select(input => new ClosureInput(numbered[input.Derivation], input.Outputs))];
                ordered.Add(new ClosureDerivation(ordered.Count, at.Derivation, DerivationPaths.NameOf(at.Derivation), derivation, needed));
            }
        }
        return ordered;
    }
}
