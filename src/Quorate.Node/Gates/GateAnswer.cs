using Quorate.Nix;

namespace Quorate.Node.Gates;

/// <summary>Why the gate serves or refuses a path; stable names for metrics, headers and logs.</summary>
public enum GateOutcome
{
    /// <summary>The trust model accepted a claim, and an upstream has its bytes.</summary>
    Accepted,

    /// <summary>The path follows from its NAR hash and references.</summary>
    CertifiesItself,

    /// <summary>Nobody names a path with this hash part.</summary>
    UnknownPath,

    /// <summary>The trust model did not accept any claim.</summary>
    NoQuorum,

    /// <summary>The trust model accepted different claims for one hash part.</summary>
    Ambiguous,

    /// <summary>Accepted, but no upstream has bytes with the accepted NAR hash.</summary>
    NoBytes,

    /// <summary>Followed logs have not been synchronised for the first time.</summary>
    NotReady,
}

/// <summary>One path that the gate did not let through, or would not have in report mode.</summary>
/// <param name="Path">The full path where it is known, else the hash part.</param>
/// <param name="Served">True in report mode: the upstream's answer went out all the same.</param>
public sealed record GateRefusal(DateTimeOffset Time, string Path, GateOutcome Outcome, IReadOnlyList<string> Reasons, bool Served);

/// <param name="NarInfo">What is served; null for refusals.</param>
sealed record GateAnswer(GateOutcome Outcome, string Path, NarInfo? NarInfo, IReadOnlyList<string> Reasons, string Verdict)
{
    public bool IsRefusal => Outcome is not (GateOutcome.Accepted or GateOutcome.CertifiesItself);
}
