using System.Numerics;

namespace Quorate.Nix.Verification;

/// <summary>An outcome of an input, as far as its consumer uses it.</summary>
/// <param name="Paths">As <see cref="OutputPaths"/> has them, in its order.</param>
/// <param name="Signers">Who made a claim with this outcome.</param>
sealed record InputVariant(OutputPaths Outputs, IReadOnlyList<StorePath> Paths, ulong Signers);

/// <summary>
/// Choices of one outcome for every input. First those that one builder alone would have made, as builders resolve with what they built themselves; then all
/// others, with the most signed outcomes first.
/// </summary>
static class InputCombinations
{
    public static IEnumerable<int[]> Of(IReadOnlyList<IReadOnlyList<InputVariant>> inputs)
    {
        var divergent = Enumerable.Range(0, inputs.Count).Where(i => inputs[i].Count > 1).ToArray();
        if (divergent.Length == 0)
        {
            yield return new int[inputs.Count];
            yield break;
        }
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var builders = divergent.SelectMany(i => inputs[i]).Aggregate(0UL, (all, variant) => all | variant.Signers);
        for (; builders != 0; builders &= builders - 1)
        {
            var builder = builders & (~builders + 1);
            var own = new int[inputs.Count];
            foreach (var input in divergent)
            {
                own[input] = Math.Max(0, IndexOf(inputs[input], variant => (variant.Signers & builder) != 0));
            }
            if (seen.Add(string.Join(',', own)))
            {
                yield return own;
            }
        }
        var choice = new int[inputs.Count];
        while (true)
        {
            if (seen.Add(string.Join(',', choice)))
            {
                yield return [.. choice];
            }
            var at = divergent.Length - 1;
            while (at >= 0 && ++choice[divergent[at]] == inputs[divergent[at]].Count)
            {
                choice[divergent[at--]] = 0;
            }
            if (at < 0)
            {
                yield break;
            }
        }
    }

    /// <summary>The most signed first; of equally signed ones the order is that of their paths, so that it is the same on every machine.</summary>
    public static InputVariant[] Ordered(IReadOnlyCollection<InputVariant> variants) =>
        variants.Count < 2
            ? [.. variants]
            :
            [
                .. variants
                    .OrderByDescending(variant => BitOperations.PopCount(variant.Signers))
                    .ThenBy(variant => variant.Outputs.ToString(), StringComparer.Ordinal),
            ];

    static int IndexOf(IReadOnlyList<InputVariant> variants, Func<InputVariant, bool> matches)
    {
        for (var i = 0; i < variants.Count; i++)
        {
            if (matches(variants[i]))
            {
                return i;
            }
        }
        return -1;
    }
}
