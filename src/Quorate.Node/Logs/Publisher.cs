using System.Collections.Concurrent;
using System.Text;
using Microsoft.Extensions.Logging;
using Quorate.Core;
using Quorate.Log;
using Quorate.Nix;
using Quorate.Nix.Publishing;
using Quorate.Node.Configuration;
using Quorate.Node.Telemetry;
using Quorate.Node.Traces;

namespace Quorate.Node.Logs;

/// <param name="Filtered">Items that <c>publish.filter</c> held back.</param>
public sealed record PublishOutcome(SubmitResult Result, int Filtered);

/// <summary>Items that were fetched from elsewhere were submitted to a log that says of everything in it: built here.</summary>
public sealed class RelayedRefusedException(string log)
    : InvalidOperationException($"log '{log}' holds built claims only; relayed ones need a log with 'claims: relayed'");

/// <summary>
/// The one way by which items reach a published log: applies <c>publish.filter</c>, keeps relayed claims out of logs of built ones, counts,
/// and reports self-divergence.
/// </summary>
public sealed partial class Publisher(NodeMetrics metrics, ILogger<Publisher> logger)
{
    readonly ConcurrentDictionary<PublishFilterSection, PublishFilter> _filters = new(ReferenceEqualityComparer.Instance);
    readonly ILogger _logger = logger;

    /// <param name="derivers">The derivation of each item where the submitter knows it, for <c>deny_deriver</c>.</param>
    /// <exception cref="RelayedRefusedException">Relayed items for a log of built claims.</exception>
    /// <exception cref="LogInputException">A key or value is over its limit, or no claim that the log's protocol lets count.</exception>
    /// <exception cref="LogOverloadedException">Too much is queued; try again later.</exception>
    public async Task<PublishOutcome> SubmitAsync(
        PublishedLogEntry entry,
        IReadOnlyList<SubmitItem> items,
        bool relayed,
        CancellationToken cancellationToken,
        IReadOnlyList<string?>? derivers = null
    )
    {
        var section = entry.Section;
        if (relayed && section.Claims == ClaimsKind.Built)
        {
            throw new RelayedRefusedException(section.Name);
        }
        var admitted =
            section.Protocol == Protocol.Nix ? Admit(section, items, derivers)
            : section.Protocol == Protocol.NixTrace ? AdmitTraces(section, items)
            : items;
        var filtered = items.Count - admitted.Count;
        metrics.Submitted(section.Name);
        metrics.Filtered(section.Name, filtered);
        if (admitted.Count == 0)
        {
            return new PublishOutcome(new SubmitResult(entry.Log.Head, 0, 0, []), filtered);
        }
        var result = await entry.Log.SubmitAsync(admitted, cancellationToken);
        metrics.Diverged(section.Name, result.Divergences.Count);
        foreach (var divergence in result.Divergences)
        {
            Diverged(section.Name, Shown(divergence.Key.Span), divergence.First, divergence.Later);
        }
        return new PublishOutcome(result, filtered);
    }

    /// <summary>Whether <c>publish.filter</c> of a log lets a store path be named in it.</summary>
    internal bool MayName(PublishSection section, string storePath) => FilterOf(section).Judge(storePath, null, []).MayPublish;

    List<SubmitItem> AdmitTraces(PublishSection section, IReadOnlyList<SubmitItem> items)
    {
        var filter = FilterOf(section);
        var admitted = new List<SubmitItem>(items.Count);
        for (var i = 0; i < items.Count; i++)
        {
            // A key has room for few claims, and what is logged stays: junk is kept out, whoever submits it.
            if (TraceClaims.Read(items[i], section.ClaimKeys, out var trace) is { } problem)
            {
                throw new LogInputException($"item {i} is no claim of builder '{section.Builder}': {problem}");
            }
            if (filter.IsOpen || trace!.Paths.All(path => path is not null && filter.Judge(path, null, []).MayPublish))
            {
                admitted.Add(items[i]);
            }
        }
        return admitted;
    }

    PublishFilter FilterOf(PublishSection section) =>
        _filters.GetOrAdd(section.Filter, f => new PublishFilter(f.Allow, f.Deny, f.DenyDeriver, f.DenyReferences));

    IReadOnlyList<SubmitItem> Admit(PublishSection section, IReadOnlyList<SubmitItem> items, IReadOnlyList<string?>? derivers)
    {
        var filter = FilterOf(section);
        return filter.IsOpen ? items : [.. items.Where((item, i) => MayPublish(filter, item, derivers?[i]))];
    }

    /// <summary>What cannot be read cannot be judged, and so is held back.</summary>
    static bool MayPublish(PublishFilter filter, SubmitItem item, string? deriver) =>
        NixClaim.TryParse(item.Value.Span, out var claim, out _)
        && item.Key.Span.SequenceEqual(Encoding.ASCII.GetBytes(claim.Path.ToString()))
        && filter.Judge(claim.Path.ToString(), deriver, claim.References.Select(r => r.ToString())).MayPublish;

    /// <summary>Keys are bytes; only printable ones are shown as text.</summary>
    static string Shown(ReadOnlySpan<byte> key) =>
        key.IndexOfAnyExceptInRange((byte)' ', (byte)'~') < 0 ? Encoding.ASCII.GetString(key) : Convert.ToHexStringLower(key);

    [LoggerMessage(
        27,
        LogLevel.Warning,
        "Self-divergence in log {Log}: key {Key} had value {First} and was submitted again with {Later}; the first one stays the vote"
    )]
    partial void Diverged(string log, string key, Sha256Digest first, Sha256Digest later);
}
