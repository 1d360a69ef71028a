namespace Quorate.Trust;

/// <summary>Groups claims by meaning. Candidates are numbered in the order in which they are first met.</summary>
public static class Candidates
{
    /// <summary>A testimony that made no well-formed claim belongs to no candidate.</summary>
    public const int None = -1;

    /// <summary>The candidate of each testimony, and how many there are.</summary>
    public static int[] Group(IReadOnlyList<Testimony> testimonies, out int candidates)
    {
        var groups = new int[testimonies.Count];
        candidates = 0;
        for (var i = 0; i < groups.Length; i++)
        {
            groups[i] = None;
            if (testimonies[i] is not Testimony.Given given)
            {
                continue;
            }
            for (var j = 0; j < i && groups[i] == None; j++)
            {
                if (testimonies[j] is Testimony.Given earlier && SameMeaning(given.Evidence.Claim, earlier.Evidence.Claim))
                {
                    groups[i] = groups[j];
                }
            }
            if (groups[i] == None)
            {
                groups[i] = candidates++;
            }
        }
        return groups;
    }

    /// <summary>Whether two claims about one input mean the same. Equal bytes do; different bytes may.</summary>
    public static bool SameMeaning(Claim first, Claim second) =>
        first.Raw.Digest == second.Raw.Digest || first.Outputs.Equals(second.Outputs);
}
