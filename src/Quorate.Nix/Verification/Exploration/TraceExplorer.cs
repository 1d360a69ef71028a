using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Quorate.Nix.Derivations;
using Quorate.Nix.Realisations;
using Quorate.Nix.Synthetic;
using Quorate.Nix.Traces;

namespace Quorate.Nix.Verification;

/// <summary>
/// Redoes the resolution of a closure, inputs first: for every combination of outcomes that builders of the model claim for its inputs, a derivation is resolved
/// here, and what was built from that is asked for by the hash that results. Nobody's statement about how things were resolved is believed.
/// </summary>
public sealed partial class TraceExplorer
{
    const int MaxRefusedDetails = 256;
    const int MaxGaps = 256;

    /// <summary>Sets of outputs of one derivation for which the outcomes are kept; for more they are made each time.</summary>
    const int MaxVariantsKept = 16;

    readonly DerivationClosure _closure;
    readonly TraceRegime _regime;
    readonly TraceLookups _lookups;
    readonly NixEntryLookups? _entries;
    readonly ModuloHash?[]? _unresolvedHashes;
    readonly ExplorationLimits _limits;
    readonly OwnOutputs _own;
    readonly UpstreamPlaceholders _placeholders = new();

    readonly IReadOnlyList<ExploredNode>[] _nodes;
    readonly IReadOnlyList<ExploredClaim>[] _legacy;
    readonly VariantsOfOutputs?[] _variants;
    readonly ConcurrentDictionary<int, int> _unresolved = new();
    readonly ConcurrentQueue<ExplorationGap> _gaps = new();
    readonly ConcurrentQueue<RefusedTrace> _refused = new();

    TraceExplorer(
        DerivationClosure closure,
        TraceRegime regime,
        TraceLookups lookups,
        NixEntryLookups? entries,
        ModuloHash?[]? unresolvedHashes,
        ExplorationLimits limits,
        OwnOutputs own
    )
    {
        _closure = closure;
        _regime = regime;
        _lookups = lookups;
        _entries = entries;
        _unresolvedHashes = unresolvedHashes;
        _limits = limits;
        _own = own;
        _nodes = new IReadOnlyList<ExploredNode>[closure.Derivations.Count];
        _legacy = new IReadOnlyList<ExploredClaim>[closure.Derivations.Count];
        _variants = new VariantsOfOutputs?[closure.Derivations.Count];
    }

    /// <param name="own">What the derivations themselves may have been built to, as far as somebody other than a claim suggests it.</param>
    /// <param name="required">Where claims must provably be logged to count.</param>
    /// <param name="parallel">Derivations that are worked on at once: as many as cores for local sources, more where answers come from afar.</param>
    public static async Task<TraceExploration> ExploreAsync(
        DerivationClosure closure,
        TraceRegime regime,
        TraceTrust trust,
        IReadOnlyList<ITraceSource> sources,
        IReadOnlyList<INixEntrySource> entrySources,
        DateTimeOffset now,
        RequiredLog? required,
        ExplorationLimits limits,
        OwnOutputs own,
        int parallel,
        IProgress<(int Done, int Of)>? progress,
        CancellationToken cancellationToken
    )
    {
        var refused = new RefusalCounts(sources);
        var lookups = new TraceLookups(trust, sources, now, required, refused);
        // Nix signs what it built under the names of the builds themselves, never of a view of them, and nothing of it is in a log.
        var entries =
            trust.UsesNixSignatures && required is null && regime == TraceRegime.ContentAddressed && entrySources.Count > 0
                ? new NixEntryLookups(trust, entrySources, now, refused)
                : null;
        var unresolved = entries is not null && trust.UsesLegacyKeys ? UnresolvedHashes.Of(closure) : null;
        var explorer = new TraceExplorer(closure, regime, lookups, entries, unresolved, limits, own);
        await ClosureWalk.RunAsync(closure.Derivations, explorer.ExploreAsync, parallel, progress, cancellationToken);
        return new TraceExploration(
            closure,
            explorer._nodes,
            explorer._legacy,
            explorer._unresolved.ToDictionary(),
            [.. explorer._gaps],
            [.. explorer._refused],
            refused.All,
            explorer.Lookups
        );
    }

    async Task ExploreAsync(int position, CancellationToken cancellationToken)
    {
        _nodes[position] = [];
        _legacy[position] = [];
        var derivation = _closure.Derivations[position];
        if (derivation.IsFixed)
        {
            return;
        }
        if (derivation.Derivation.HasDynamicInputs)
        {
            Gap(position, "it uses derivations that are themselves built, which cannot be verified");
            return;
        }
        if (derivation.Derivation.Kind == DerivationKind.Impure)
        {
            Gap(position, "it is impure: nobody can say what it should give");
            return;
        }
        var names = new Dictionary<string, string>(derivation.Derivation.Outputs.Length, StringComparer.Ordinal);
        foreach (var output in derivation.Derivation.Outputs)
        {
            names.Add(output.Name, DerivationPaths.OutputPathName(derivation.Name, output.Name));
        }
        await AskUnresolvedAsync(derivation, names, cancellationToken);
        var inputs = new IReadOnlyList<InputVariant>[derivation.Inputs.Count];
        for (var i = 0; i < inputs.Length; i++)
        {
            inputs[i] = VariantsOf(derivation.Inputs[i]);
            if (inputs[i].Count == 0)
            {
                _unresolved[position] = derivation.Inputs[i].Position;
                return;
            }
            if (inputs[i].Count > _limits.VariantsPerInput)
            {
                Gap(
                    position,
                    $"{_closure.Derivations[derivation.Inputs[i].Position].Path.BaseName} has {inputs[i].Count} outcomes; {_limits.VariantsPerInput} were tried"
                );
                inputs[i] = [.. inputs[i].Take(_limits.VariantsPerInput)];
            }
        }
        var nodes = new List<ExploredNode>(1);
        var tried = 0;
        foreach (var choice in InputCombinations.Of(inputs))
        {
            if (++tried > _limits.CombinationsPerDerivation || Lookups >= _limits.Lookups)
            {
                Gap(
                    position,
                    tried > _limits.CombinationsPerDerivation
                        ? $"more than {_limits.CombinationsPerDerivation} ways to resolve it"
                        : $"more than {_limits.Lookups} derivations to look up"
                );
                break;
            }
            nodes.Add(await ExploreAsync(derivation, inputs, choice, names, cancellationToken));
        }
        _nodes[position] = nodes;
    }

    async Task<ExploredNode> ExploreAsync(
        ClosureDerivation derivation,
        IReadOnlyList<InputVariant>[] inputs,
        int[] choice,
        Dictionary<string, string> names,
        CancellationToken cancellationToken
    )
    {
        var chosen = new Dictionary<(StorePath, string), StorePath>();
        var needs = new Requirement[inputs.Length];
        for (var i = 0; i < inputs.Length; i++)
        {
            var variant = inputs[i][choice[i]];
            var input = derivation.Inputs[i].Position;
            needs[i] = new Requirement(input, variant.Outputs);
            for (var o = 0; o < variant.Paths.Count; o++)
            {
                chosen[(_closure.Derivations[input].Path, variant.Outputs.Pairs[o].Key)] = variant.Paths[o];
            }
        }
        if (_regime == TraceRegime.SyntheticContentAddressed)
        {
            return await ExploreViewAsync(SyntheticOf(derivation, chosen), needs, names, cancellationToken);
        }
        var resolved = DerivationResolution.Resolve(
            derivation.Derivation,
            derivation.Name,
            (path, output) => chosen.GetValueOrDefault((path, output)),
            _placeholders
        )!;
        var question = new TraceQuestion(resolved.Hash, _regime, names, derivation.Path.StoreDir);
        var traces = AskAsync(derivation, question, cancellationToken);
        var entries = _entries?.AskAsync(resolved, names, cancellationToken);
        var claims = await traces;
        return new ExploredNode(
            derivation.Position,
            resolved.Hash,
            needs,
            entries is null ? claims : [.. claims, .. Heard(derivation, resolved.Hash, await entries)]
        );
    }

    /// <summary>
    /// What caches say of the derivation as it stands. Whoever believes them believes their choice of inputs, so that it does not matter whether anything is known of those here.
    /// </summary>
    async Task AskUnresolvedAsync(ClosureDerivation derivation, Dictionary<string, string> names, CancellationToken cancellationToken)
    {
        if (_unresolvedHashes?[derivation.Position] is not { } hash)
        {
            return;
        }
        if (Lookups >= _limits.Lookups)
        {
            Gap(derivation.Position, $"more than {_limits.Lookups} derivations to look up");
            return;
        }
        var question = new NixEntryQuestion(hash, derivation.Path.StoreDir, names, Resolved: null);
        _legacy[derivation.Position] = Heard(derivation, null, await _entries!.AskUnresolvedAsync(question, cancellationToken));
    }

    async Task<IReadOnlyList<ExploredClaim>> AskAsync(
        ClosureDerivation derivation,
        TraceQuestion question,
        CancellationToken cancellationToken
    ) => Heard(derivation, question.Input, await _lookups.AskAsync(question, cancellationToken));

    /// <summary>Keeps what is to be reported of an answer besides its claims.</summary>
    IReadOnlyList<ExploredClaim> Heard(ClosureDerivation derivation, ResolvedInputHash? hash, TraceAnswer answer)
    {
        foreach (var reason in answer.Unavailable)
        {
            Gap(derivation.Position, $"{hash?.ToString() ?? derivation.Path.BaseName}: {reason}");
        }
        foreach (var refusal in answer.Refused)
        {
            if (_refused.Count < MaxRefusedDetails)
            {
                _refused.Enqueue(new RefusedTrace(derivation.Position, hash, refusal));
            }
        }
        return answer.Claims;
    }

    int Lookups => _lookups.Count + (_entries?.Unresolved ?? 0);

    /// <summary>The different outcomes of an input as far as a consumer uses it, from all claims that count and have all those outputs.</summary>
    IReadOnlyList<InputVariant> VariantsOf(ClosureInput input)
    {
        ref var first = ref _variants[input.Position];
        var known = Volatile.Read(ref first);
        for (var at = known; at is not null; at = at.Next)
        {
            if (at.Outputs.AsSpan().SequenceEqual(input.Outputs.AsSpan()))
            {
                return at.Variants;
            }
        }
        var made = new VariantsOfOutputs(input.Outputs, MakeVariants(input), known);
        if (made.Length <= MaxVariantsKept)
        {
            // Another consumer may have been faster: the same is then made once more by somebody else.
            Interlocked.CompareExchange(ref first, made, known);
        }
        return made.Variants;
    }

    /// <summary>What was found out for one set of outputs; a list, because most derivations are used for one or two.</summary>
    sealed record VariantsOfOutputs(ImmutableArray<string> Outputs, IReadOnlyList<InputVariant> Variants, VariantsOfOutputs? Next)
    {
        public int Length { get; } = 1 + (Next?.Length ?? 0);
    }

    InputVariant[] MakeVariants(ClosureInput input)
    {
        var derivation = _closure.Derivations[input.Position];
        if (derivation.IsFixed)
        {
            return FixedVariant(derivation, input.Outputs) is { } variant ? [variant] : [];
        }
        var variants = new Dictionary<OutputPaths, InputVariant>(1);
        foreach (var node in _nodes[input.Position])
        {
            AddVariants(node.Claims, input.Outputs, variants);
        }
        AddVariants(_legacy[input.Position], input.Outputs, variants);
        return InputCombinations.Ordered(variants.Values);
    }

    static void AddVariants(
        IReadOnlyList<ExploredClaim> claims,
        ImmutableArray<string> wanted,
        Dictionary<OutputPaths, InputVariant> variants
    )
    {
        foreach (var claim in claims)
        {
            if (claim.Discounted is not null)
            {
                continue;
            }
            var outputs = claim.Outputs.Project(wanted.AsSpan());
            if (outputs.Count != wanted.Length)
            {
                continue;
            }
            ref var variant = ref CollectionsMarshal.GetValueRefOrAddDefault(variants, outputs, out _);
            variant = variant is null
                ? new InputVariant(
                    outputs,
                    [.. claim.Stated.Where(output => wanted.Contains(output.Name)).Select(output => output.Path)],
                    claim.Builder.Set
                )
                : variant with
                {
                    Signers = variant.Signers | claim.Builder.Set,
                };
        }
    }

    static InputVariant? FixedVariant(ClosureDerivation derivation, ImmutableArray<string> wanted)
    {
        var outputs = wanted.Select(derivation.Derivation.Output).OfType<DerivationOutput>().ToList();
        return outputs.Count == wanted.Length
            ? new InputVariant(
                OutputPaths.Of(outputs.Select(output => KeyValuePair.Create(output.Name, output.Path!.ToString()))),
                [.. outputs.OrderBy(output => output.Name, StringComparer.Ordinal).Select(output => output.Path!)],
                0
            )
            : null;
    }

    void Gap(int position, string reason)
    {
        if (_gaps.Count < MaxGaps)
        {
            _gaps.Enqueue(new ExplorationGap(position, reason));
        }
    }
}
