using Quorate.Nix.Derivations;
using Quorate.Nix.Synthetic;
using Quorate.Nix.Traces;

namespace Quorate.Nix.Verification;

/// <summary>
/// The two hashes of an input-addressed derivation (docs/formats/synthetic-view.md). A bundle's follows from the inputs alone. That of a JWS 3 has the
/// derivation's own outputs in it, so these must be guessed before anybody can be asked: a guess finds claims, and never supports anything.
/// </summary>
public sealed partial class TraceExplorer
{
    /// <summary>What is looked up of one derivation, apart from what a hash says of its own outputs.</summary>
    sealed record SyntheticInputs(ClosureDerivation Derivation, Func<StorePath, string, SyntheticObject?> View)
    {
        public ResolvedInputHash Hash => SyntheticResolution.WithPlaceholders(Derivation.Derivation, Derivation.Name, View)!.Hash;

        public ResolvedInputHash HashWith(IReadOnlyDictionary<string, StorePath> own) =>
            SyntheticResolution
                .WithOwnPaths(
                    Derivation.Derivation,
                    Derivation.Name,
                    View,
                    Derivation.Derivation.Outputs.ToDictionary(
                        output => output.Name,
                        output => new SyntheticObject(output.Path!, own[output.Name]),
                        StringComparer.Ordinal
                    )
                )!
                .Hash;
    }

    SyntheticInputs SyntheticOf(ClosureDerivation derivation, Dictionary<(StorePath, string), StorePath> chosen)
    {
        var stated = derivation.Inputs.ToDictionary(
            input => _closure.Derivations[input.Position].Path,
            input => _closure.Derivations[input.Position].Derivation
        );
        return new SyntheticInputs(
            derivation,
            (path, output) => new SyntheticObject(stated[path].Output(output)!.Path!, chosen[(path, output)])
        );
    }

    /// <summary>Bundles first: what they state is what JWS 3 are asked for.</summary>
    async Task<ExploredNode> ExploreViewAsync(
        SyntheticInputs inputs,
        Requirement[] needs,
        Dictionary<string, string> names,
        CancellationToken cancellationToken
    )
    {
        var derivation = inputs.Derivation;
        var question = new TraceQuestion(inputs.Hash, _regime, names, derivation.Path.StoreDir);
        var found = await AskAsync(derivation, question, cancellationToken);
        var further = await NamedByOutputsAsync(inputs, question, found, cancellationToken);
        return new ExploredNode(derivation.Position, question.Input, needs, [.. found, .. further]);
    }

    /// <summary>Claims in JWS 3, for every outcome that anything suggests.</summary>
    /// <param name="question">The same question for bundles.</param>
    /// <param name="found">What bundles say.</param>
    async Task<IReadOnlyList<ExploredClaim>> NamedByOutputsAsync(
        SyntheticInputs inputs,
        TraceQuestion question,
        IReadOnlyList<ExploredClaim> found,
        CancellationToken cancellationToken
    )
    {
        var derivation = inputs.Derivation;
        var guesses = await GuessesAsync(derivation, found, cancellationToken);
        if (guesses.Count == 0)
        {
            Gap(
                derivation.Position,
                $"{derivation.Path.BaseName}: claims in JWS 3 are found by the outputs that they state, and nothing suggests any; build it here, or name them with --expect"
            );
        }
        var claims = new List<ExploredClaim>();
        foreach (var own in guesses)
        {
            var asked = question with { Input = inputs.HashWith(own), Own = own };
            claims.AddRange(await AskAsync(derivation, asked, cancellationToken));
        }
        return claims;
    }

    /// <summary>Complete maps of outputs: what bundles state, what is expected of the target, and what is on this machine.</summary>
    async Task<IReadOnlyCollection<IReadOnlyDictionary<string, StorePath>>> GuessesAsync(
        ClosureDerivation derivation,
        IReadOnlyList<ExploredClaim> found,
        CancellationToken cancellationToken
    )
    {
        var names = derivation.Derivation.Outputs.Select(output => output.Name).ToList();
        var guesses = new Dictionary<OutputPaths, IReadOnlyDictionary<string, StorePath>>();
        foreach (var suggested in await _own.OfAsync(derivation, derivation == _closure.Target, cancellationToken))
        {
            Add(suggested);
        }
        foreach (var claim in found.Where(claim => claim.Stated.Count == names.Count))
        {
            Add(claim.Stated.ToDictionary(output => output.Name, output => output.Path, StringComparer.Ordinal));
        }
        if (guesses.Count <= _limits.VariantsPerInput)
        {
            return guesses.Values;
        }
        Gap(
            derivation.Position,
            $"{derivation.Path.BaseName} is said to have {guesses.Count} outcomes; claims in JWS 3 were looked up for {_limits.VariantsPerInput}"
        );
        return [.. guesses.Values.Take(_limits.VariantsPerInput)];

        void Add(IReadOnlyDictionary<string, StorePath> outputs) =>
            guesses.TryAdd(OutputPaths.Of(outputs.Select(pair => KeyValuePair.Create(pair.Key, pair.Value.ToString()))), outputs);
    }
}
