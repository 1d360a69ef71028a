namespace Quorate.Trust.Engines;

/// <summary>
/// Counts exactly and over the configured builders. Trustix divides 100 by the number of logs that answered, so that three of three are
/// 99 % and one lone answer is 100 %; neither is kept.
/// </summary>
public static class PercentageEngine
{
    public static EngineAnswer Decide(EngineVotes votes, int minimum)
    {
        var best = Candidates.None;
        var tied = false;
        for (var candidate = 0; candidate < votes.Candidates; candidate++)
        {
            var difference = best == Candidates.None ? 1 : votes.Count(candidate) - votes.Count(best);
            if (difference >= 0)
            {
                tied = difference == 0;
                best = difference > 0 ? candidate : best;
            }
        }
        if (best == Candidates.None)
        {
            return new EngineAnswer.Failed("nobody has built it", CouldChange(votes, minimum));
        }
        var count = votes.Count(best);
        var share = $"{count} of {votes.Configured} builders agree, {minimum} % needed";
        if (!Meets(count, minimum, votes.Configured))
        {
            return new EngineAnswer.Failed(share, CouldChange(votes, minimum));
        }
        return tied
            ? new EngineAnswer.Failed($"contested: {share}, and as many agree on something else", CouldChange(votes, minimum))
            : new EngineAnswer.Chosen(best, count * 100 / votes.Configured, share);
    }

    static bool Meets(int count, int minimum, int configured) => count * 100L >= (long)minimum * configured;

    // Whoever is open is best used by one candidate; -1 stands for one that nobody has claimed yet.
    static bool CouldChange(EngineVotes votes, int minimum)
    {
        for (var candidate = -1; candidate < votes.Candidates && votes.Open > 0; candidate++)
        {
            var count = votes.Open + (candidate < 0 ? 0 : votes.Count(candidate));
            var strictlyMost = true;
            for (var rival = 0; rival < votes.Candidates; rival++)
            {
                strictlyMost &= rival == candidate || votes.Count(rival) < count;
            }
            if (strictlyMost && Meets(count, minimum, votes.Configured))
            {
                return true;
            }
        }
        return false;
    }
}
