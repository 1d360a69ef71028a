using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Trust.Rules;

namespace Quorate.Nix.Verification;

/// <summary>
/// Whom a verifier believes about builds, ready for use: builders as bits, the keys that make a claim theirs, the conditions on their
/// claims, and the predicate over sets of them. A builder is one voter however many keys it has, and a key is one builder's however many
/// names it has. Immutable and thread-safe.
/// </summary>
public sealed class TraceTrust
{
    /// <summary>Sets whose names are remembered: the same few come up at every step of a closure.</summary>
    const int MaxNamed = 1024;

    readonly Dictionary<Ed25519PublicKey, TraceBuilder> _byKey = [];
    readonly ConcurrentDictionary<ulong, string[]> _names = new();

    // Those of builders who have no vote are theirs, too.
    readonly HashSet<string> _logs;

    TraceTrust(string text, IReadOnlyList<TraceBuilder> builders, QuorumModel model, IEnumerable<string> logs)
    {
        _logs = new HashSet<string>(logs, StringComparer.Ordinal);
        Text = text;
        Builders = builders;
        Model = model;
    }

    /// <summary>The rule in its canonical spelling.</summary>
    public string Text { get; }

    /// <summary>By bit.</summary>
    public IReadOnlyList<TraceBuilder> Builders { get; }

    public QuorumModel Model { get; }

    /// <summary>Every key whose signature on a claim is somebody's.</summary>
    public IEnumerable<Ed25519PublicKey> ClaimKeys => Builders.SelectMany(builder => builder.Keys.ClaimKeys.Select(key => key.Key));

    /// <summary>Whether statements about unresolved derivations count for anybody.</summary>
    public bool UsesLegacyKeys => Builders.Any(builder => builder.IsLegacy);

    /// <summary>Whether anything that Nix itself signs counts for anybody.</summary>
    public bool UsesNixSignatures => Builders.Any(builder => builder.IsLegacy || builder.Keys.NixKeys.Count > 0);

    public bool TryBuilder(Ed25519PublicKey key, [NotNullWhen(true)] out TraceBuilder? builder) => _byKey.TryGetValue(key, out builder);

    /// <summary>The witnesses that the model names for a log; null when it names none.</summary>
    public WitnessQuorum? WitnessesOf(string logId) => Builders.FirstOrDefault(builder => builder.Keys.LogId == logId)?.Keys.Witnesses;

    /// <summary>
    /// Why a claim of the builder does not count as it stands in a log; null where it does. Anybody may log what others signed: in a builder's log count its own
    /// claims, and a builder whose log is named has none in others. A log that is named for nobody is a place like any cache to a builder who names none.
    /// </summary>
    internal string? Misplaced(TraceBuilder builder, string logId) =>
        builder.Keys.LogId == logId ? null
        : builder.Keys.LogId is { } own ? $"it stands in log {logId}, and the trust model says that {builder.Name}'s is {own}"
        : _logs.Contains(logId) ? $"it stands in log {logId}, which the trust model says is another builder's"
        : null;

    /// <summary>Names of the builders in a set, in the order of the rule.</summary>
    public IReadOnlyList<string> Names(ulong set) =>
        _names.TryGetValue(set, out var names) ? names
        : _names.Count < MaxNamed ? _names.GetOrAdd(set, NamesOf(set))
        : NamesOf(set);

    /// <param name="keys">By builder; those that the model does not name have no vote and no place here.</param>
    /// <exception cref="MalformedException">The model cannot be used, with the reason.</exception>
    public static TraceTrust Create(TrustModel model, IReadOnlyDictionary<string, TraceBuilderKeys> keys)
    {
        var builders = new List<TraceBuilder>();
        var compiled = Compile(model, [], model, keys, builders);
        var trust = new TraceTrust(model.ToString()!, builders, compiled, keys.Values.Select(own => own.LogId).OfType<string>());
        foreach (var builder in builders)
        {
            foreach (var key in builder.AllKeys)
            {
                if (!trust._byKey.TryAdd(key, builder) && trust._byKey[key] is var other)
                {
                    throw new MalformedException(
                        other == builder
                            ? $"builder '{builder.Name}' has the key {key} twice"
                            : $"builders '{other.Name}' and '{builder.Name}' have the same public key {key}; a key is one builder's"
                    );
                }
            }
        }
        return trust;
    }

    string[] NamesOf(ulong set) => [.. Builders.Where(b => (b.Set & set) != 0).Select(b => b.Name)];

    static QuorumModel Compile(
        TrustModel model,
        IReadOnlyList<VoteCondition> conditions,
        TrustModel root,
        IReadOnlyDictionary<string, TraceBuilderKeys> keys,
        List<TraceBuilder> builders
    )
    {
        switch (model)
        {
            case TrustModel.Where where:
                return Compile(where.Inner, [.. conditions, where.Condition], root, keys, builders);
            case TrustModel.Threshold threshold:
                if (threshold.Required < 1 || threshold.Required > threshold.Children.Count)
                {
                    throw new MalformedException($"{threshold.Required} of a group of {threshold.Children.Count} is impossible");
                }
                return QuorumModel.Threshold(
                    threshold.Required,
                    [.. threshold.Children.Select(child => Compile(child, conditions, root, keys, builders))]
                );
            case TrustModel.Key key:
                return Leaf(key, conditions, root, keys, builders);
            default:
                throw new InvalidOperationException("unreachable: the hierarchy is closed");
        }
    }

    static QuorumModel Leaf(
        TrustModel.Key key,
        IReadOnlyList<VoteCondition> conditions,
        TrustModel root,
        IReadOnlyDictionary<string, TraceBuilderKeys> keys,
        List<TraceBuilder> builders
    )
    {
        if (!keys.TryGetValue(key.Builder, out var own) || own.Count == 0)
        {
            throw new MalformedException($"builder '{key.Builder}' has no key");
        }
        if (builders.Exists(builder => builder.Name == key.Builder))
        {
            throw new MalformedException($"builder '{key.Builder}' is named twice; a builder has one vote");
        }
        if (builders.Count == QuorumModel.MaxBuilders)
        {
            throw new MalformedException($"the model names more than {QuorumModel.MaxBuilders} builders");
        }
        // What a legacy key signs skips the verification of everything below it. That is a choice for the whole result, never for a part:
        // inside a group it would lend its vote to results whose inputs nobody else would have chosen.
        if (own.LegacyKeys.Count > 0)
        {
            var isAlternative = root == key || (root is TrustModel.Threshold { Required: 1 } outer && outer.Children.Contains(key));
            if (!isAlternative)
            {
                throw new MalformedException($"the legacy key of '{key.Builder}' may only stand directly in an outermost '1 of' (or 'or')");
            }
            if (conditions.Count > 0)
            {
                throw new MalformedException($"'{key.Builder}' is a legacy key: no condition could ever hold for what it signs");
            }
        }
        builders.Add(new TraceBuilder(builders.Count, key.Builder, own, conditions));
        return QuorumModel.Builder(builders.Count - 1);
    }
}
