using System.Collections.Concurrent;
using System.Text;
using Quorate.Core;
using Quorate.Log;
using Quorate.Nix.Derivations;
using Quorate.Nix.Traces;
using Quorate.Nix.Verification;

namespace Quorate.Sources.Traces;

/// <summary>
/// The claims in a log of protocol <c>nix-trace</c> that is at hand whole, a published one or a mirror. The map under the newest verified head proves which entries the
/// key has, and that there are no others; the view checks proof and values before it gives them. Thread-safe, as the view is.
/// </summary>
/// <param name="standing">What is known of an entry's place beside its index; null where only that is.</param>
/// <param name="claimKeys">The keys that sign the builder's claims: what others signed, or is about another input, is left out and told. Null gives all entries.</param>
public sealed class LogTraceSource(ILogView log, string name, TraceKeys? claimKeys, Func<ulong, LogStanding>? standing = null)
    : ITraceSource,
        ITraceStandings
{
    const int Attempts = 4;

    // Where the claims stand that were given out: conditions of a trust model ask for it right after.
    readonly ConcurrentDictionary<Sha256Digest, ulong> _places = new();

    public string Name => name;

    /// <summary>The key under which a log keeps claims about this input: its text.</summary>
    public static byte[] KeyOf(ResolvedInputHash input) => Encoding.ASCII.GetBytes(input.ToString());

    public async Task<TraceLookup> FindAsync(ResolvedInputHash input, CancellationToken cancellationToken)
    {
        try
        {
            return Answer(KeyOf(input)) is not { } answer ? new TraceLookup.Unavailable("the log was never synchronised")
                : answer.Value.IsEmpty ? TraceLookup.Absent
                : await ReadAsync(input, answer.Value, cancellationToken);
        }
        catch (IOException e)
        {
            return new TraceLookup.Unavailable(e.Message);
        }
    }

    /// <summary>Of the first entry that holds these bytes.</summary>
    public LogStanding? StandingOf(ReadOnlySpan<byte> raw) =>
        !_places.TryGetValue(Sha256Digest.HashData(raw), out var index) ? null
        : standing is not null ? standing(index)
        : new LogStanding(log.Identity.Id.ToString(), index, FirstSeen: null, Witnesses: 0, FreshAt: null);

    MapAnswer? Answer(byte[] key)
    {
        for (var attempt = 0; attempt < Attempts && log.Head is { } head; attempt++)
        {
            // Null only when the log went on so far meanwhile that this head left the window.
            if (log.MapValue(key, head.MapRoot) is { } answer)
            {
                return answer;
            }
        }
        return null;
    }

    async Task<TraceLookup> ReadAsync(ResolvedInputHash input, ReadOnlyMemory<byte> value, CancellationToken cancellationToken)
    {
        if (!log.Identity.Protocol.MapRule.TryParse(value.Span, out var claims))
        {
            return new TraceLookup.Unavailable("the map holds no list of claims");
        }
        var values = new List<ReadOnlyMemory<byte>>(claims.Length);
        var problems = new List<string>();
        var size = 0L;
        foreach (var (digest, index) in claims)
        {
            if (await log.ValueAsync(digest, cancellationToken) is not { } bytes)
            {
                problems.Add($"entry {index}: nobody gave its value");
            }
            else if (size + bytes.Length > TraceObject.MaxBytes)
            {
                problems.Add($"entry {index} and later ones: more than {TraceObject.MaxBytes} bytes altogether");
                break;
            }
            else if (Problem(bytes, input) is { } problem)
            {
                problems.Add($"entry {index}: {problem}");
            }
            else
            {
                size += bytes.Length;
                values.Add(bytes);
                _places.TryAdd(digest, index);
            }
        }
        return new TraceLookup.Found([TraceObject.OfElements(values)], problems);
    }

    string? Problem(ReadOnlyMemory<byte> value, ResolvedInputHash input) =>
        claimKeys is null ? null : AttributedTrace.Read(TraceElement.Of(value), claimKeys, input, out _)?.Detail;
}
