namespace Quorate.Trust.Engines;

/// <summary>Trustix's list of deciders: the first that does not fail decides. Immutable and safe for concurrent use.</summary>
public sealed class EngineChain
{
    readonly JavaScriptEngine? _scripts;

    /// <param name="builders">Every builder that is configured for the protocol, in configuration order.</param>
    /// <exception cref="ArgumentException">No engine, a minimum outside 0 to 100, or a JavaScript engine without an interpreter.</exception>
    public EngineChain(
        IReadOnlyList<Engine> engines,
        IReadOnlyList<string> builders,
        IScriptEngine? interpreter,
        ScriptLimits? limits = null
    )
    {
        if (engines.Count == 0)
        {
            throw new ArgumentException("a chain needs at least one engine", nameof(engines));
        }
        foreach (var engine in engines)
        {
            if (engine is Engine.Percentage { Minimum: < 0 or > 100 } percentage)
            {
                throw new ArgumentException($"a percentage is 0 to 100, not {percentage.Minimum}", nameof(engines));
            }
            if (engine is Engine.JavaScript && interpreter is null)
            {
                throw new ArgumentException("a javascript engine needs an interpreter", nameof(interpreter));
            }
        }
        Engines = engines;
        Builders = builders;
        Text = string.Join(", ", engines);
        _scripts = interpreter is null ? null : new JavaScriptEngine(interpreter, limits ?? ScriptLimits.Default);
    }

    public IReadOnlyList<Engine> Engines { get; }

    public IReadOnlyList<string> Builders { get; }

    /// <summary>The engines in order, as text.</summary>
    public string Text { get; }

    /// <summary>Some engine runs foreign code, whose limits may cut it short.</summary>
    public bool RunsScripts => Engines.Any(engine => engine is Engine.JavaScript);

    public async Task<Decision> DecideAsync(IReadOnlyList<Testimony> testimonies, CancellationToken cancellationToken)
    {
        var votes = new EngineVotes(InOrder(testimonies));
        var failures = new List<string>(Engines.Count);
        var couldChange = false;
        foreach (var engine in Engines)
        {
            switch (await AskAsync(engine, votes, cancellationToken))
            {
                case EngineAnswer.Chosen chosen:
                    return Accepted(engine, votes, chosen, failures);
                case EngineAnswer.Failed failed:
                    failures.Add($"{engine}: {failed.Reason}");
                    couldChange |= failed.CouldChange;
                    break;
            }
        }
        List<string> reasons = [$"no engine decides: {string.Join("; ", failures)}"];
        Notes(votes, Trust.Candidates.None, reasons);
        var verdict = couldChange ? Verdict.Inconclusive : Verdict.Rejected;
        return new Decision(verdict, null, [], 0, votes.Testimonies, reasons, Text);
    }

    async Task<EngineAnswer> AskAsync(Engine engine, EngineVotes votes, CancellationToken cancellationToken) =>
        engine switch
        {
            Engine.Percentage percentage => PercentageEngine.Decide(votes, percentage.Minimum),
            Engine.LogIdMatch match => LogIdEngine.Decide(votes, match.LogId, match.Builder),
            Engine.JavaScript script => await _scripts!.DecideAsync(votes, script.Function, cancellationToken),
            _ => throw new InvalidOperationException("unreachable: the hierarchy is closed"),
        };

    static Decision Accepted(Engine engine, EngineVotes votes, EngineAnswer.Chosen chosen, List<string> failures)
    {
        var supporters = votes.Supporters(chosen.Candidate);
        List<string> reasons = [$"{engine}: {chosen.Reason}: {Sentences.Join(supporters)}"];
        foreach (var failure in failures)
        {
            reasons.Add($"passed over: {failure}");
        }
        Notes(votes, chosen.Candidate, reasons);
        var evidence = votes.EvidenceOf(chosen.Candidate);
        return new Decision(Verdict.Accepted, evidence, supporters, chosen.Confidence, votes.Testimonies, reasons, engine.ToString());
    }

    static void Notes(EngineVotes votes, int winner, List<string> reasons)
    {
        for (var i = 0; i < votes.Configured; i++)
        {
            var testimony = votes.Testimonies[i];
            var candidate = votes.CandidateOf(i);
            if (candidate == Trust.Candidates.None)
            {
                reasons.Add(Sentences.Absence(testimony));
            }
            else if (winner == Trust.Candidates.None)
            {
                reasons.Add($"{testimony.Builder} says {Sentences.Short(((Testimony.Given)testimony).Evidence)}");
            }
            else if (candidate != winner)
            {
                reasons.Add($"{testimony.Builder} disagrees");
            }
            if (Sentences.SelfDivergence(testimony) is { } divergence)
            {
                reasons.Add(divergence);
            }
        }
    }

    Testimony[] InOrder(IReadOnlyList<Testimony> testimonies)
    {
        var ordered = new Testimony[Builders.Count];
        for (var i = 0; i < ordered.Length; i++)
        {
            var builder = Builders[i];
            ordered[i] =
                i < testimonies.Count && testimonies[i].Builder == builder
                    ? testimonies[i]
                    : testimonies.FirstOrDefault(testimony => testimony.Builder == builder)
                        ?? new Testimony.Unavailable(builder, "was not asked");
        }
        return ordered;
    }
}
