using Quorate.Nix;

namespace Quorate.Node.Gates;

/// <summary>Why the gate serves or refuses a path; stable names for metrics, headers and logs.</summary>
public enum GateOutcome
{
    /// <summary>The trust model accepted a claim, and an upstream has its bytes.</summary>
    Accepted,

    /// <summary>The path follows from its NAR hash and references.</summary>
    CertifiesItself,

    /// <summary>The trust model for build traces accepted how it was built.</summary>
    VerifiedTrace,

    /// <summary>Nobody names a path with this hash part, or no derivation at hand has this hash.</summary>
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

/// <summary>What the gate says to one request about something that was built.</summary>
/// <param name="Path">What it is about: a path, or as much of its identity as is known.</param>
abstract record GateReply(GateOutcome Outcome, string Path, IReadOnlyList<string> Reasons, string Verdict)
{
    public bool IsRefusal => Outcome is not (GateOutcome.Accepted or GateOutcome.CertifiesItself or GateOutcome.VerifiedTrace);

    /// <summary>The document that is served; null for refusals.</summary>
    public abstract string? Body { get; }

    public abstract string ContentType { get; }
}

/// <param name="NarInfo">What is served; null for refusals.</param>
sealed record GateAnswer(GateOutcome Outcome, string Path, NarInfo? NarInfo, IReadOnlyList<string> Reasons, string Verdict)
    : GateReply(Outcome, Path, Reasons, Verdict)
{
    public override string? Body => NarInfo?.ToText();

    public override string ContentType => "text/x-nix-narinfo";
}
