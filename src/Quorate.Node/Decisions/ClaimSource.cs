using Quorate.Log;
using Quorate.Node.Witness;
using Quorate.Trust;

namespace Quorate.Node.Decisions;

/// <summary>What one log or cache says about one input.</summary>
/// <param name="Lifetime">How long the answer may be kept although nothing that we see changes; null for as long as that.</param>
readonly record struct SourceAnswer(Testimony Testimony, TimeSpan? Lifetime)
{
    /// <summary>A silence of a place that does not prove it is asked again after this.</summary>
    public static readonly TimeSpan UnprovenSilence = TimeSpan.FromSeconds(60);

    /// <summary>A head that is asked for per look-up may be this old; failures are not remembered longer either.</summary>
    public static readonly TimeSpan Short = TimeSpan.FromSeconds(5);
}

/// <summary>What a cached decision rests on: when any of it differs, the decision is made anew.</summary>
readonly record struct SourceStamp(LogHead? Head, string? Misbehaviour, ulong MissingValues, LogStanding? Standing = null);

/// <summary>One configured log or cache, as a witness for its builder.</summary>
abstract class ClaimSource(string builder, string name, ClaimOrigin origin)
{
    public string Builder => builder;

    public string Name => name;

    public ClaimOrigin Origin => origin;

    /// <summary>Answers need the network.</summary>
    public abstract bool IsRemote { get; }

    public virtual SourceStamp Stamp => default;

    /// <summary>Set for a log that contradicts itself under its own signatures.</summary>
    public virtual string? Misbehaviour => null;

    /// <param name="keyForms">The keys under which the claim may stand, the input's own first.</param>
    public abstract ValueTask<SourceAnswer> AskAsync(
        BuildInput input,
        IReadOnlyList<ReadOnlyMemory<byte>> keyForms,
        CancellationToken cancellationToken
    );
}

/// <summary>A signed cache behind its port.</summary>
sealed class CacheClaimSource(ITestimonySource source) : ClaimSource(source.Builder, source.Name, ClaimOrigin.SignedCache)
{
    public override bool IsRemote => true;

    public override async ValueTask<SourceAnswer> AskAsync(
        BuildInput input,
        IReadOnlyList<ReadOnlyMemory<byte>> keyForms,
        CancellationToken cancellationToken
    )
    {
        var testimony = await source.AskAsync(input, cancellationToken);
        return new SourceAnswer(
            testimony,
            testimony switch
            {
                Testimony.Given => null,
                Testimony.Unavailable => SourceAnswer.Short,
                _ => SourceAnswer.UnprovenSilence,
            }
        );
    }
}

/// <summary>A configured source that the running node does not have (yet).</summary>
sealed class AbsentClaimSource(string builder, string name, ClaimOrigin origin, string reason) : ClaimSource(builder, name, origin)
{
    public override bool IsRemote => false;

    public override ValueTask<SourceAnswer> AskAsync(
        BuildInput input,
        IReadOnlyList<ReadOnlyMemory<byte>> keyForms,
        CancellationToken cancellationToken
    ) => new(new SourceAnswer(new Testimony.Unavailable(Builder, reason), SourceAnswer.Short));
}
