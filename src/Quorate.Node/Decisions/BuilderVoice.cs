using Quorate.Trust;

namespace Quorate.Node.Decisions;

/// <summary>
/// All sources of one builder, and the one vote that they make together. Sources are ranked: logs of built claims, logs of relayed claims,
/// caches, each in the order of the configuration. The first source that spoke gives the vote; what others say differently is
/// self-divergence. A source that spoke malformed is not covered up by a lower one.
/// </summary>
sealed class BuilderVoice
{
    public BuilderVoice(string builder, bool hasVote, IEnumerable<ClaimSource> sources)
    {
        Builder = builder;
        // OrderBy is stable: within one origin the configuration's order stays.
        Sources = [.. sources.OrderBy(source => source.Origin)];
        AskedRemotely = hasVote && Array.Exists(Sources, source => source.IsRemote);
        HasVote = hasVote;
    }

    public string Builder { get; }

    /// <summary>Builders outside the rule are shown from what is at hand, but no network is used for them.</summary>
    public bool HasVote { get; }

    public bool AskedRemotely { get; }

    public ClaimSource[] Sources { get; }

    public ValueTask<SourceAnswer> AskAsync(
        BuildInput input,
        IReadOnlyList<ReadOnlyMemory<byte>> keyForms,
        CancellationToken cancellationToken
    ) =>
        Sources.Length == 1 && (HasVote || !Sources[0].IsRemote)
            ? Sources[0].AskAsync(input, keyForms, cancellationToken)
            : AskAllAsync(input, keyForms, cancellationToken);

    async ValueTask<SourceAnswer> AskAllAsync(
        BuildInput input,
        IReadOnlyList<ReadOnlyMemory<byte>> keyForms,
        CancellationToken cancellationToken
    )
    {
        var asked = new List<Task<SourceAnswer>>(Sources.Length);
        foreach (var source in Sources)
        {
            if (HasVote || !source.IsRemote)
            {
                asked.Add(source.AskAsync(input, keyForms, cancellationToken).AsTask());
            }
        }
        try
        {
            await Task.WhenAll(asked).WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested && asked.Exists(a => a.IsCompletedSuccessfully))
        {
            // A cache that hangs must not silence the builder's own log.
        }
        var answers = new List<SourceAnswer>(asked.Count);
        foreach (var answer in asked)
        {
            answers.Add(
                answer.IsCompletedSuccessfully
                    ? await answer
                    : new SourceAnswer(new Testimony.Unavailable(Builder, "not all of its sources answered in time"), SourceAnswer.Short)
            );
        }
        return Combine(answers);
    }

    internal SourceAnswer Combine(IReadOnlyList<SourceAnswer> answers)
    {
        if (answers.Count == 0)
        {
            return new SourceAnswer(new Testimony.Unavailable(Builder, "has no vote, and was not asked over the network"), null);
        }
        Testimony? spoken = null;
        Testimony? unavailable = null;
        TimeSpan? lifetime = null;
        List<Claim>? divergences = null;
        foreach (var answer in answers)
        {
            lifetime = Shorter(lifetime, answer.Lifetime);
            switch (answer.Testimony)
            {
                case Testimony.Given given when spoken is Testimony.Given vote:
                    divergences ??= [.. vote.Evidence.SelfDivergences];
                    if (!Candidates.SameMeaning(vote.Evidence.Claim, given.Evidence.Claim))
                    {
                        divergences.Add(given.Evidence.Claim);
                    }
                    divergences.AddRange(
                        given.Evidence.SelfDivergences.Where(later => !Candidates.SameMeaning(vote.Evidence.Claim, later))
                    );
                    break;
                case Testimony.Given or Testimony.Malformed:
                    spoken ??= answer.Testimony;
                    break;
                case Testimony.Unavailable:
                    unavailable ??= answer.Testimony;
                    break;
            }
        }
        if (spoken is Testimony.Given { Evidence: var evidence } && divergences is { Count: > 0 })
        {
            spoken = new Testimony.Given(Builder, evidence with { SelfDivergences = divergences });
        }
        return new SourceAnswer(spoken ?? unavailable ?? new Testimony.Silent(Builder), lifetime);
    }

    public static TimeSpan? Shorter(TimeSpan? first, TimeSpan? second) => first is null || second < first ? second ?? first : first;
}
