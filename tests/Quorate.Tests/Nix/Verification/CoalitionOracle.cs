using Quorate.Nix.Verification;

namespace Quorate.Tests.Nix.Verification;

/// <summary>The definition of the coalition semantics, word for word: every set of builders, every choice of one claim a position.</summary>
static class CoalitionOracle
{
    public static bool Accepts(RandomTraces traces)
    {
        for (var faulty = 0UL; faulty < 32; faulty++)
        {
            var inside = faulty;
            if (!traces.Model.Holds(faulty) && !HasDerivation(traces, claim => (inside >> claim.Signer & 1) == 0))
            {
                return false;
            }
        }
        return true;
    }

    static bool HasDerivation(RandomTraces traces, Func<RandomTraces.Claim, bool> counts)
    {
        var positions = traces.Fixed.Count;
        var claims = Enumerable.Range(0, positions).Select(p => traces.Claims.Where(c => c.Position == p && counts(c)).ToArray()).ToArray();
        var choice = new RandomTraces.Claim?[positions];

        bool Complete(int position, OutputPaths required)
        {
            if (traces.Fixed[position] is { } outputs)
            {
                return outputs.Satisfies(required);
            }
            return choice[position] is { } claim
                && claim.Outputs.Satisfies(required)
                && (claim.Node is null || claim.Node.Needs.All(need => Complete(need.Position, need.Outputs)));
        }

        bool Choose(int position)
        {
            if (position == positions)
            {
                return Complete(traces.Target.Position, traces.Target.Outputs);
            }
            if (claims[position].Length == 0)
            {
                choice[position] = null;
                return Choose(position + 1);
            }
            foreach (var claim in claims[position].Distinct())
            {
                choice[position] = claim;
                if (Choose(position + 1))
                {
                    return true;
                }
            }
            return false;
        }

        return Choose(0);
    }
}
