using Quorate.Log;
using Quorate.Node.Logs;
using Quorate.Node.Witness;
using Quorate.Trust;

namespace Quorate.Node.Decisions;

/// <summary>A log that this node holds whole. A log that misbehaves is still read: its view ends at the last good head.</summary>
/// <param name="followed">Null for a log of our own.</param>
sealed class LogClaimSource(
    string builder,
    string name,
    ClaimOrigin origin,
    ILogView view,
    IFollowedLog? followed,
    Func<LogStanding> standing,
    IClaimFormat format
) : ClaimSource(builder, name, origin)
{
    public override bool IsRemote => false;

    public override SourceStamp Stamp =>
        followed?.Status is { } status
            ? new SourceStamp(view.Head, status.Misbehaviour, status.MissingValues, standing())
            : new SourceStamp(view.Head, null, 0, standing() with { FreshAt = null });

    public override string? Misbehaviour => followed?.Status.Misbehaviour;

    public override ValueTask<SourceAnswer> AskAsync(
        BuildInput input,
        IReadOnlyList<ReadOnlyMemory<byte>> keyForms,
        CancellationToken cancellationToken
    )
    {
        if (view.Head is null)
        {
            return new(new SourceAnswer(new Testimony.Unavailable(Builder, "never synchronised"), SourceAnswer.Short));
        }
        var entries = Entries(keyForms);
        // Read after the entries, so that it covers them all.
        var treeSize = view.Head.TreeSize;
        return entries.Count == 0
            ? new(new SourceAnswer(new Testimony.Silent(Builder), null))
            : ReadAsync(input, entries, treeSize, cancellationToken);
    }

    IReadOnlyList<LogEntry> Entries(IReadOnlyList<ReadOnlyMemory<byte>> keyForms)
    {
        var entries = view.EntriesOf(keyForms[0].Span);
        List<LogEntry>? merged = null;
        for (var i = 1; i < keyForms.Count; i++)
        {
            var more = view.EntriesOf(keyForms[i].Span);
            if (more.Count > 0)
            {
                merged ??= [.. entries];
                merged.AddRange(more);
            }
        }
        // The builder's vote is what it logged first, under whichever spelling of the key.
        merged?.Sort((first, second) => first.Index.CompareTo(second.Index));
        return merged ?? entries;
    }

    async ValueTask<SourceAnswer> ReadAsync(
        BuildInput input,
        IReadOnlyList<LogEntry> entries,
        ulong treeSize,
        CancellationToken cancellationToken
    )
    {
        var reader = new LogEvidenceReader(Builder, Origin, view.Identity.Id.Text, format);
        var count = Math.Min(entries.Count, LogEvidenceReader.MostEntries);
        for (var i = 0; i < count; i++)
        {
            var value = await view.ValueAsync(entries[i].ValueDigest, cancellationToken);
            if (!reader.Add(input, entries[i], value))
            {
                break;
            }
        }
        return reader.Finish(entries[0], treeSize, view.FirstSeen(entries[0].Index), standing());
    }
}

/// <summary>A log of which nothing is kept here: every look-up asks its remotes for a proof.</summary>
sealed class QueryClaimSource(IFollowedLog log, ClaimOrigin origin, IClaimFormat format)
    : ClaimSource(log.Section.Builder, log.Section.Name, origin)
{
    public override bool IsRemote => true;

    // The head moves with the look-up itself, so the answer's short life stands in for it.
    public override SourceStamp Stamp => new(null, log.Status.Misbehaviour, 0);

    public override string? Misbehaviour => log.Status.Misbehaviour;

    public override async ValueTask<SourceAnswer> AskAsync(
        BuildInput input,
        IReadOnlyList<ReadOnlyMemory<byte>> keyForms,
        CancellationToken cancellationToken
    )
    {
        foreach (var key in keyForms)
        {
            switch (await log.LookupAsync(key, cancellationToken))
            {
                case KeyLookup.Found found:
                    var reader = new LogEvidenceReader(Builder, Origin, log.Identity.Id.Text, format);
                    for (var i = 0; i < found.Entries.Count && reader.Add(input, found.Entries[i], found.Values[i]); i++) { }
                    return reader.Finish(found.Entries[0], found.TreeSize, found.FirstSeen, log.Standing) with
                    {
                        Lifetime = SourceAnswer.Short,
                    };
                case KeyLookup.Unavailable unavailable:
                    return new SourceAnswer(new Testimony.Unavailable(Builder, unavailable.Reason), SourceAnswer.Short);
            }
        }
        return new SourceAnswer(new Testimony.Silent(Builder), SourceAnswer.Short);
    }
}
