using Quorate.Nix.Derivations;

namespace Quorate.Nix.Traces;

/// <summary>A place that keeps traces by resolved input hash. Implementations are thread-safe and bound their own time and memory.</summary>
public interface ITraceSource
{
    /// <summary>What reports call this place: its address, or the name of a log.</summary>
    string Name { get; }

    /// <summary>Never throws for what the place answers or does not answer: that is <see cref="TraceLookup.Unavailable"/>.</summary>
    /// <exception cref="OperationCanceledException"/>
    Task<TraceLookup> FindAsync(ResolvedInputHash input, CancellationToken cancellationToken);
}

/// <summary>A source that left elements out before anybody asked, because they do not say what they are about.</summary>
public interface ITraceLeftovers
{
    IReadOnlyList<TraceRefusal> LeftOut { get; }
}

/// <summary>What one place answered about one resolved input hash. Nothing in it is verified.</summary>
public abstract record TraceLookup
{
    TraceLookup() { }

    /// <summary>The place has nothing under this hash, and said so.</summary>
    public static TraceLookup Absent { get; } = new None();

    /// <param name="Objects">At least one; a cache may have both layouts.</param>
    /// <param name="Problems">What the place also had, but could not be read as a trace object. Evidence may be missing.</param>
    public sealed record Found(IReadOnlyList<TraceObject> Objects, IReadOnlyList<string> Problems) : TraceLookup;

    public sealed record None : TraceLookup;

    /// <summary>The place did not answer, or not with traces: nobody knows what it has.</summary>
    public sealed record Unavailable(string Reason) : TraceLookup;
}
