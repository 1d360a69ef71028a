namespace Quorate.Sources.Configuration;

/// <summary>Finds what somebody probably meant.</summary>
static class Nearest
{
    /// <summary>Longer words are not compared: the table below grows with the product of the lengths.</summary>
    const int LongestWord = 64;

    /// <summary><c>; did you mean 'x'?</c>, or nothing when no candidate is near.</summary>
    public static string Hint(string word, IEnumerable<string> candidates)
    {
        var best = Find(word, candidates);
        return best is null ? "" : $"; did you mean '{best}'?";
    }

    /// <summary>The candidate with the least edits, if they are at most a third of the word (and at least two are forgiven).</summary>
    public static string? Find(string word, IEnumerable<string> candidates)
    {
        if (word.Length > LongestWord)
        {
            return null;
        }
        string? best = null;
        var fewest = Math.Max(2, word.Length / 3) + 1;
        foreach (var candidate in candidates)
        {
            var edits = candidate.Length > LongestWord ? int.MaxValue : Edits(word, candidate);
            if (edits < fewest && edits < Math.Max(word.Length, candidate.Length))
            {
                (best, fewest) = (candidate, edits);
            }
        }
        return best;
    }

    /// <summary>Insertions, deletions, replacements and swaps of neighbours (optimal string alignment), case ignored.</summary>
    static int Edits(string a, string b)
    {
        var table = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
        {
            table[i, 0] = i;
        }
        for (var j = 0; j <= b.Length; j++)
        {
            table[0, j] = j;
        }
        for (var i = 1; i <= a.Length; i++)
        {
            for (var j = 1; j <= b.Length; j++)
            {
                var same = Same(a[i - 1], b[j - 1]);
                var edits = Math.Min(Math.Min(table[i - 1, j] + 1, table[i, j - 1] + 1), table[i - 1, j - 1] + (same ? 0 : 1));
                if (i > 1 && j > 1 && Same(a[i - 1], b[j - 2]) && Same(a[i - 2], b[j - 1]))
                {
                    edits = Math.Min(edits, table[i - 2, j - 2] + 1);
                }
                table[i, j] = edits;
            }
        }
        return table[a.Length, b.Length];
    }

    static bool Same(char a, char b) => char.ToLowerInvariant(a) == char.ToLowerInvariant(b);
}
