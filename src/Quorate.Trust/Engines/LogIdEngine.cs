namespace Quorate.Trust.Engines;

/// <summary>Believes one log. Its confidence is always 100, as in Trustix.</summary>
public static class LogIdEngine
{
    public static EngineAnswer Decide(EngineVotes votes, string logId, string builder)
    {
        for (var i = 0; i < votes.Configured; i++)
        {
            var testimony = votes.Testimonies[i];
            if (testimony is Testimony.Given given && given.Evidence.Position?.LogId == logId)
            {
                return new EngineAnswer.Chosen(votes.CandidateOf(i), 100, $"{given.Builder}'s log is believed alone");
            }
            if (testimony.Builder == builder)
            {
                return testimony is Testimony.Given
                    ? new EngineAnswer.Failed($"{builder}'s vote stands in another of its logs", CouldChange: false)
                    : new EngineAnswer.Failed(Sentences.Absence(testimony), testimony is not Testimony.Malformed);
            }
        }
        return new EngineAnswer.Failed("nobody speaks for this log", CouldChange: false);
    }
}
