using System.Text;
using Quorate.Core;

namespace Quorate.Nix.Derivations;

/// <summary>What happens to two inputs of one derivation whose hashes are equal although their paths differ.</summary>
public enum EqualInputs
{
    /// <summary>Their used outputs are united: Nix up to 2.34, and since 2.36.</summary>
    Unite,

    /// <summary>The input whose path sorts last counts alone: Nix 2.35.0 to 2.35.2.</summary>
    LastWins,
}

/// <summary>A derivation's hash modulo the derivations of fixed outputs in its closure.</summary>
/// <param name="Digest">One for all outputs.</param>
/// <param name="IsDeferred">Something in the closure is floating or impure, so no output path follows from the hash.</param>
/// <param name="IsUnambiguous">
/// It and everything that it depends on have the <see cref="EvaluatedForm"/>: no other derivation in that form has the hash, but for where fixed outputs come from. Never
/// true above input-addressed derivations, which no trace is about.
/// </param>
public readonly record struct ModuloHash(Sha256Digest Digest, bool IsDeferred, bool IsUnambiguous);

/// <summary>
/// Hashes of derivations in which every input stands for what it produces: a fixed output for its content, so that it does not matter
/// where it was fetched from. Input-addressed paths and the identifiers of realisations are made from them. Each derivation is hashed once;
/// not thread-safe.
/// </summary>
/// <param name="derivations">Null for a derivation that is not at hand.</param>
public sealed class ModuloHashes(Func<StorePath, Derivation?> derivations, EqualInputs equalInputs = EqualInputs.Unite)
{
    readonly Dictionary<StorePath, ModuloHash> _known = [];

    /// <summary>Of the derivation at a path, as an input of others.</summary>
    /// <param name="problem">What is missing, or does not fit together.</param>
    public bool TryOf(StorePath derivation, out ModuloHash hash, out string problem)
    {
        problem = "";
        // Closures are deep chains; the stack is on the heap.
        var open = new HashSet<StorePath>();
        var stack = new Stack<(StorePath Path, Derivation Derivation, bool InputsDone)>();
        if (!_known.TryGetValue(derivation, out hash) && !TryPush(derivation, stack, out problem))
        {
            return false;
        }
        while (stack.TryPop(out var step))
        {
            if (_known.ContainsKey(step.Path))
            {
                continue;
            }
            if (!step.InputsDone && step.Derivation.Kind != DerivationKind.FixedOutput)
            {
                if (!open.Add(step.Path))
                {
                    problem = $"{step.Path} is an input of itself";
                    return false;
                }
                stack.Push(step with { InputsDone = true });
                foreach (var input in step.Derivation.Inputs)
                {
                    if (!_known.ContainsKey(input.Derivation) && !TryPush(input.Derivation, stack, out problem))
                    {
                        return false;
                    }
                }
                continue;
            }
            if (!TryHash(step.Derivation, DerivationPaths.NameOf(step.Path), mask: false, out var own, out problem))
            {
                problem = $"{step.Path}: {problem}";
                return false;
            }
            open.Remove(step.Path);
            _known[step.Path] = own;
        }
        hash = _known[derivation];
        return true;
    }

    /// <summary>
    /// With the derivation's own output paths blanked: what its input-addressed paths and the identifiers of its realisations are made
    /// from. For a fixed output, the hash that stands for its content.
    /// </summary>
    /// <param name="name">Of the derivation.</param>
    public bool TryMasked(Derivation derivation, string name, out ModuloHash hash, out string problem)
    {
        hash = default;
        if (derivation.Kind != DerivationKind.FixedOutput)
        {
            foreach (var input in derivation.Inputs)
            {
                if (!TryOf(input.Derivation, out _, out problem))
                {
                    return false;
                }
            }
        }
        return TryHash(derivation, name, mask: true, out hash, out problem);
    }

    /// <summary>As <see cref="TryMasked"/>, of a derivation that needs nothing but itself.</summary>
    public static ModuloHash Masked(ResolvedDerivation resolved) =>
        new ModuloHashes(_ => null).TryMasked(resolved.Derivation, DerivationPaths.NameOf(resolved.Path), out var hash, out var problem)
            ? hash
            : throw new ArgumentException(problem, nameof(resolved));

    bool TryPush(StorePath path, Stack<(StorePath, Derivation, bool)> stack, out string problem)
    {
        var found = derivations(path);
        problem = found is null ? $"{path} is not at hand" : "";
        if (found is not null)
        {
            stack.Push((path, found, false));
        }
        return found is not null;
    }

    bool TryHash(Derivation derivation, string name, bool mask, out ModuloHash hash, out string problem)
    {
        hash = default;
        problem = "";
        if (derivation.Kind == DerivationKind.FixedOutput)
        {
            var output = derivation.Outputs[0];
            if (!StorePath.IsName(name))
            {
                problem = $"{name} cannot be the name of a path";
                return false;
            }
            var path = DerivationPaths.FixedOutput(output, derivation.StoreDir, name);
            var content = Encoding.ASCII.GetBytes($"fixed:out:{output.HashAlgorithm}:{output.Hash}:{path}");
            hash = new ModuloHash(Sha256Digest.HashData(content), IsDeferred: false, IsUnambiguous: true);
            return true;
        }
        if (!TryInputs(derivation, out var inputs, out var deferred, out problem))
        {
            return false;
        }
        using var text = new AtermWriter(derivation.AtermBytes.Length + 64 * derivation.Inputs.Length);
        DerivationPrinter.Modulo(derivation, inputs, mask, text);
        hash = new ModuloHash(
            text.Hash(),
            deferred || derivation.Kind is DerivationKind.Floating or DerivationKind.Impure,
            (mask || derivation.Kind != DerivationKind.InputAddressed)
                && derivation.Inputs.All(input => _known[input.Derivation].IsUnambiguous)
                && EvaluatedForm.IsOf(derivation, name)
        );
        return true;
    }

    /// <summary>The inputs' hashes and the outputs that are used of each. Outputs of dynamic derivations do not take part (Nix up to 2.34).</summary>
    bool TryInputs(
        Derivation derivation,
        out SortedDictionary<Sha256Digest, SortedSet<string>> inputs,
        out bool deferred,
        out string problem
    )
    {
        inputs = [];
        deferred = derivation.HasDynamicInputs;
        problem = "";
        foreach (var input in derivation.Inputs)
        {
            var hash = _known[input.Derivation];
            deferred |= hash.IsDeferred;
            var existing = derivations(input.Derivation)?.Outputs ?? [];
            if (input.Outputs.FirstOrDefault(name => !existing.Any(output => output.Name == name)) is { } missing)
            {
                problem = $"{input.Derivation} has no output {missing}";
                return false;
            }
            if (input.Outputs.IsEmpty)
            {
                continue;
            }
            if (equalInputs == EqualInputs.LastWins || !inputs.TryGetValue(hash.Digest, out var used))
            {
                inputs[hash.Digest] = used = new SortedSet<string>(StringComparer.Ordinal);
            }
            used.UnionWith(input.Outputs);
        }
        return true;
    }
}
