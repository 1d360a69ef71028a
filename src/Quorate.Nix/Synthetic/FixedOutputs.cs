using Quorate.Nix.Derivations;

namespace Quorate.Nix.Synthetic;

/// <summary>The fixed outputs in the graph of a derivation: content already, so they stand for themselves in every view.</summary>
public static class FixedOutputs
{
    /// <param name="load">Reads a derivation; its failure is this call's.</param>
    public static async Task<IReadOnlySet<StorePath>> OfAsync(
        Derivation root,
        Func<StorePath, CancellationToken, Task<Derivation>> load,
        CancellationToken cancellationToken
    )
    {
        var outputs = new HashSet<StorePath>();
        var seen = new HashSet<StorePath>();
        var waiting = new Stack<Derivation>([root]);
        while (waiting.TryPop(out var derivation))
        {
            if (derivation.Kind == DerivationKind.FixedOutput)
            {
                outputs.UnionWith(derivation.Outputs.Select(output => output.Path!));
            }
            foreach (var input in derivation.Inputs)
            {
                if (seen.Add(input.Derivation))
                {
                    waiting.Push(await load(input.Derivation, cancellationToken));
                }
            }
        }
        return outputs;
    }
}
