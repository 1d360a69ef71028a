namespace Quorate.Trust.Engines;

/// <summary>One of Trustix's deciders. A chain of them takes the answer of the first that does not fail.</summary>
public abstract record Engine
{
    Engine() { }

    /// <summary>A group of equal claims wins with count × 100 ≥ minimum × configured builders.</summary>
    /// <param name="Minimum">0 to 100.</param>
    public sealed record Percentage(int Minimum) : Engine
    {
        public override string ToString() => $"percentage {Minimum}";
    }

    /// <summary>Whatever this one log says.</summary>
    /// <param name="Builder">Whose log it is.</param>
    public sealed record LogIdMatch(string LogId, string Builder) : Engine
    {
        public override string ToString() => $"logid {LogId}";
    }

    /// <summary>A function of the operator picks a digest.</summary>
    public sealed record JavaScript(string Function) : Engine
    {
        public override string ToString() => "javascript";
    }
}

/// <summary>What one engine makes of the votes.</summary>
public abstract record EngineAnswer
{
    EngineAnswer() { }

    /// <param name="Candidate">A candidate number of <see cref="EngineVotes"/>.</param>
    public sealed record Chosen(int Candidate, int Confidence, string Reason) : EngineAnswer;

    /// <param name="CouldChange">The engine could choose once builders speak that are silent or unavailable now, or once a limit is not hit.</param>
    public sealed record Failed(string Reason, bool CouldChange) : EngineAnswer;
}
