using Quorate.Core;
using Quorate.Log;
using Quorate.Nix.Derivations;
using Quorate.Nix.Traces;
using Quorate.Node.Configuration;
using Quorate.Node.Control;
using Quorate.Node.Logs;
using Quorate.Sources.Traces;

namespace Quorate.Node.Traces;

/// <summary>
/// laut's trace objects over the logs of protocol <c>nix-trace</c>: reading one asks the logs, writing one logs what it adds. Nothing can be taken out of an object, because
/// nothing can be taken out of a log.
/// </summary>
sealed class TraceStore(LogRegistry registry, Publisher publisher, Func<NodeConfiguration> configuration) : IDisposable
{
    const int MaxBodies = 4;

    // Objects are read and extended one after the other, so that two writers with the same validator do not both succeed.
    readonly SemaphoreSlim _writing = new(1);

    /// <summary>Enter it while a written object is in memory: few at once.</summary>
    public SemaphoreSlim Bodies { get; } = new(MaxBodies);

    /// <summary>Whether there is anything to serve.</summary>
    public bool IsServed => Own.Any() || Mirrors.Any();

    IEnumerable<PublishedLogEntry> Own => registry.Published.Where(entry => entry.Section.Protocol == Protocol.NixTrace);

    IEnumerable<IFollowedLog> Mirrors
    {
        get
        {
            var names = configuration().Traces.Mirrors;
            return registry.Followed.Where(log => log.Section.Protocol == Protocol.NixTrace && names.Contains(log.Section.Name));
        }
    }

    /// <summary>Null when no claim in this layout is known.</summary>
    /// <exception cref="ControlException">None is known, but not every log could be asked; or they are too large together.</exception>
    public async Task<TraceDocument?> ReadAsync(TraceLayout layout, ResolvedInputHash input, CancellationToken cancellationToken)
    {
        var elements = new List<TraceElement>();
        string? unavailable = null;
        var size = 0L;
        foreach (var source in Own.Select(own => NodeTraceSources.Of(own)).Concat(Mirrors.Select(mirror => NodeTraceSources.Of(mirror))))
        {
            switch (await source.FindAsync(input, cancellationToken))
            {
                case TraceLookup.Found found:
                    foreach (var element in found.Objects.SelectMany(o => o.Elements))
                    {
                        size += element.Raw.Length;
                        elements.Add(element);
                    }
                    break;
                case TraceLookup.Unavailable fault:
                    unavailable ??= $"{source.Name}: {fault.Reason}";
                    break;
            }
        }
        if (size > TraceObject.MaxBytes)
        {
            throw new ControlException(
                "too_large",
                $"the claims about {input} are more than {TraceObject.MaxBytes} bytes; read them from the log"
            );
        }
        var document = TraceDocument.Of(layout, elements);
        return document is null && unavailable is not null ? throw new ControlException("unavailable", unavailable) : document;
    }

    /// <summary>Logs what an object adds to the one that is there.</summary>
    /// <param name="allows">What the request demands of the object that is there, null for none; false fails it.</param>
    /// <param name="mayWrite">Whether the writer may write to this log.</param>
    /// <returns>The object as it is now, and how many claims were logged.</returns>
    /// <exception cref="ControlException">The object is not extended by this one, and stays as it is.</exception>
    public async Task<(TraceDocument Document, int Added)> WriteAsync(
        TraceLayout layout,
        ResolvedInputHash input,
        TraceObject written,
        Func<TraceDocument?, bool> allows,
        Func<PublishSection, bool> mayWrite,
        CancellationToken cancellationToken
    )
    {
        if (written.Layout != layout)
        {
            throw ControlException.Invalid(
                layout == TraceLayout.JwsSet
                    ? "not a set of JWS, {\"signatures\":[…]}; bundles belong under traces/aterm/"
                    : "not lines of bundles; a set of JWS belongs under traces/"
            );
        }
        await _writing.WaitAsync(cancellationToken);
        try
        {
            var before = await ReadAsync(layout, input, cancellationToken);
            if (!allows(before))
            {
                throw new ControlException("failed_precondition", "the object is not the one that the request was made for; read it again");
            }
            var kept = (before?.Elements ?? []).Select(e => Sha256Digest.HashData(e.Raw.Span)).ToHashSet();
            var missing = kept.Count;
            var added = new List<TraceElement>();
            var seen = new HashSet<Sha256Digest>();
            foreach (var element in written.Elements)
            {
                var digest = Sha256Digest.HashData(element.Raw.Span);
                if (!seen.Add(digest))
                {
                    continue;
                }
                if (kept.Contains(digest))
                {
                    missing--;
                }
                else
                {
                    added.Add(element);
                }
            }
            if (missing > 0)
            {
                throw new ControlException(
                    "aborted",
                    $"{missing} claims that are there are not in this object; nothing can be taken back. Read it again"
                );
            }
            foreach (var (entry, items) in Sort(input, added, mayWrite))
            {
                await SubmitAsync(entry, items, cancellationToken);
            }
            var after = added.Count == 0 ? before : await ReadAsync(layout, input, cancellationToken);
            return (after ?? throw ControlException.Invalid("the object has no claims"), added.Count);
        }
        finally
        {
            _writing.Release();
        }
    }

    public void Dispose()
    {
        _writing.Dispose();
        Bodies.Dispose();
    }

    /// <summary>Each claim to the log of the builder whose key signed it; all of them, or none.</summary>
    Dictionary<PublishedLogEntry, List<SubmitItem>> Sort(
        ResolvedInputHash input,
        List<TraceElement> added,
        Func<PublishSection, bool> mayWrite
    )
    {
        var sorted = new Dictionary<PublishedLogEntry, List<SubmitItem>>(ReferenceEqualityComparer.Instance);
        foreach (var element in added)
        {
            var item = new SubmitItem(LogTraceSource.KeyOf(input), element.Raw);
            string? problem = null;
            PublishedLogEntry? log = null;
            foreach (var entry in Own)
            {
                var refused = TraceClaims.Read(item, entry.Section.ClaimKeys, out _);
                (log, problem) = refused is null ? (entry, problem) : (log, problem ?? refused);
                if (log is not null)
                {
                    break;
                }
            }
            if (log is null)
            {
                throw new ControlException(
                    "permission_denied",
                    $"not a claim of a builder whose log is published here: {problem ?? "there is none"}"
                );
            }
            if (!mayWrite(log.Section))
            {
                throw new ControlException("permission_denied", $"the token may not write to log '{log.Section.Name}'");
            }
            if (!sorted.TryGetValue(log, out var items))
            {
                sorted.Add(log, items = []);
            }
            items.Add(item);
        }
        return sorted;
    }

    async Task SubmitAsync(PublishedLogEntry entry, List<SubmitItem> items, CancellationToken cancellationToken)
    {
        try
        {
            var outcome = await publisher.SubmitAsync(entry, items, relayed: false, cancellationToken);
            if (outcome.Filtered > 0)
            {
                throw new ControlException(
                    "permission_denied",
                    $"{outcome.Filtered} claims were held back by the publish filter of log '{entry.Section.Name}'"
                );
            }
        }
        catch (LogInputException e)
        {
            throw new ControlException("permission_denied", e.Message);
        }
        catch (LogOverloadedException e)
        {
            throw new ControlException("unavailable", $"{e.Message}; try again later") { RetryAfter = TimeSpan.FromSeconds(1) };
        }
    }
}
