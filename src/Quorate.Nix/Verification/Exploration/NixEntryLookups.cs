using System.Collections.Concurrent;
using Quorate.Nix.Derivations;
using Quorate.Nix.Realisations;
using Quorate.Nix.Traces;

namespace Quorate.Nix.Verification;

/// <summary>Asks every place for what Nix itself signed about a derivation, in both of its forms, and admits what the model gives a vote. Thread-safe.</summary>
sealed class NixEntryLookups(TraceTrust trust, IReadOnlyList<INixEntrySource> sources, DateTimeOffset now, RefusalCounts refused)
{
    readonly NixEntryAdmission _admission = new(trust, now);

    // Different unresolved derivations may have one hash, and many lead to one resolved derivation.
    readonly ConcurrentDictionary<StorePath, Task<TraceAnswer>> _asked = new();
    int _unresolved;

    /// <summary>Derivations that were asked for as they stand. Those that were resolved are counted with the traces.</summary>
    public int Unresolved => _unresolved;

    /// <summary>Asks about a resolved derivation, once.</summary>
    public Task<TraceAnswer> AskAsync(
        ResolvedDerivation resolved,
        IReadOnlyDictionary<string, string> outputs,
        CancellationToken cancellationToken
    ) =>
        _asked.TryGetValue(resolved.Path, out var known)
            ? known
            : _asked.GetOrAdd(resolved.Path, _ => LookUpAsync(NixEntryQuestion.Of(resolved, outputs), cancellationToken));

    /// <summary>Asks about a derivation as it stands; each is asked for once by who explores.</summary>
    public Task<TraceAnswer> AskUnresolvedAsync(NixEntryQuestion question, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _unresolved);
        return LookUpAsync(question, cancellationToken);
    }

    async Task<TraceAnswer> LookUpAsync(NixEntryQuestion question, CancellationToken cancellationToken)
    {
        var lookups = new List<Task<NixEntrySet>>();
        foreach (var source in sources)
        {
            lookups.Add(
                GatherAsync(source, question, output => source.FindAsync(question.Id(output), question.StoreDir, cancellationToken))
            );
            if (question.Resolved is { } resolved)
            {
                lookups.Add(
                    GatherAsync(source, question, output => source.FindAsync(new BuildTraceKey(resolved.Path, output), cancellationToken))
                );
            }
        }
        var sets = await Task.WhenAll(lookups);
        var findings = new TraceFindings();
        var claims = _admission.Admit(question, sets, findings);
        refused.Add(findings);
        return new TraceAnswer(claims, findings.Details, [.. sets.SelectMany(set => set.Unavailable)]);
    }

    static async Task<NixEntrySet> GatherAsync(INixEntrySource source, NixEntryQuestion question, Func<string, Task<NixEntryLookup>> find)
    {
        string[] names = [.. question.Outputs.Keys];
        var answers = await Task.WhenAll(names.Select(find));
        var entries = new Dictionary<string, ISignedOutput>(StringComparer.Ordinal);
        var unavailable = new List<string>();
        for (var i = 0; i < names.Length; i++)
        {
            if (answers[i] is NixEntryLookup.Found found)
            {
                entries[names[i]] = found.Entry;
            }
            else if (answers[i] is NixEntryLookup.Unavailable none)
            {
                unavailable.Add($"{source.Name}: {none.Reason}");
            }
        }
        return new NixEntrySet(source.Name, entries, unavailable);
    }
}
