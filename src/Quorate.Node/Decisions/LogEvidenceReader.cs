using Quorate.Log;
using Quorate.Node.Witness;
using Quorate.Trust;

namespace Quorate.Node.Decisions;

/// <summary>Turns the entries under one key into a vote: the first entry, with later ones of other meaning as self-divergences.</summary>
sealed class LogEvidenceReader(string builder, ClaimOrigin origin, string logId, IClaimFormat format)
{
    /// <summary>A builder that logs a key over and over costs no more than this.</summary>
    public const int MostEntries = 9;

    Claim? _vote;
    List<Claim>? _divergences;
    Testimony? _failure;

    /// <summary>Takes the next entry in log order; false when no further one is of interest.</summary>
    public bool Add(BuildInput input, LogEntry entry, ReadOnlyMemory<byte>? value)
    {
        var raw = value is { } bytes ? new RawEvidence(bytes) : null;
        if (raw is not null && raw.Digest != entry.ValueDigest)
        {
            raw = null;
        }
        if (_vote is null)
        {
            if (raw is null)
            {
                _failure = new Testimony.Unavailable(builder, "value withheld");
                return false;
            }
            if (!format.TryParse(input.Key, raw.Bytes, out var outputs, out var error))
            {
                _failure = new Testimony.Malformed(builder, error);
                return false;
            }
            _vote = new Claim(input, outputs!, builder, origin, raw);
            return true;
        }
        // Later values that are withheld or malformed have no outputs to show and change nothing.
        if (raw is not null && format.TryParse(input.Key, raw.Bytes, out var later, out _))
        {
            var claim = new Claim(input, later!, builder, origin, raw);
            if (!Candidates.SameMeaning(_vote, claim))
            {
                (_divergences ??= []).Add(claim);
            }
        }
        return true;
    }

    public SourceAnswer Finish(LogEntry first, ulong treeSize, DateTimeOffset firstSeen, LogStanding standing) =>
        _vote is null
            ? new SourceAnswer(
                _failure ?? new Testimony.Silent(builder),
                // A withheld value may arrive without a new head.
                _failure is Testimony.Unavailable
                    ? SourceAnswer.Short
                    : null
            )
            : new SourceAnswer(
                new Testimony.Given(
                    builder,
                    new Evidence(_vote, new LogPosition(logId, first.Index, treeSize), firstSeen, (IReadOnlyList<Claim>?)_divergences ?? [])
                    {
                        Witnessing = standing.Of(first.Index),
                    }
                ),
                null
            );
}
