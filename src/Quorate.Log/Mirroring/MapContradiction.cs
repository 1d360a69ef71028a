using System.Text;
using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Core.Merkle;

namespace Quorate.Log;

/// <summary>An entry that is proven to stand in the log of a head.</summary>
/// <param name="Path">RFC 6962 inclusion proof under the head's log root.</param>
public sealed record ProvenEntry(ulong Index, ReadOnlyMemory<byte> Key, Sha256Digest ValueDigest, IReadOnlyList<Sha256Digest> Path);

/// <summary>
/// What the map of a head says of one key, and the entry of the same head's log that refutes it. The map names the key's first entries, as many as its
/// <see cref="MapRule"/> lets count, so it is refuted by an entry of the key that it leaves out, and by another entry in a place that it names; and it
/// refutes itself where it names a place beyond the log or is not spelled by the rule.
/// </summary>
/// <param name="Value">As stored in the map; empty when the map has nothing under the key.</param>
/// <param name="Proof">Of <paramref name="Value"/> under the head's map root.</param>
/// <param name="Entry">Null where the map's answer refutes itself.</param>
public sealed record MapContradiction(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value, MapProof Proof, ProvenEntry? Entry)
{
    /// <summary>Longest value that a proof holds; every value that a rule spells is shorter.</summary>
    public static readonly int MaxValueBytes = MapRule.AllClaims.MaxLength;

    const int ShownKey = 100;

    /// <summary>Whether it fits into a file (<see cref="MisbehaviourProof"/>): a hostile log may have larger keys than any that we would take.</summary>
    public bool IsPortable =>
        Key.Length <= PublishedLogOptions.MaxKeyLimit
        && Value.Length <= MaxValueBytes
        && (Entry is null || Entry.Key.Length <= PublishedLogOptions.MaxKeyLimit);

    /// <summary>What is wrong, without the name of the head.</summary>
    public string Detail =>
        Value.IsEmpty ? $"it has nothing for {Shown(Key)}, which is entry {Entry?.Index}"
        // For people only, so that the rule need not be known.
        : !MapRule.FirstValue.TryParse(Value.Span, out var named) && !MapRule.AllClaims.TryParse(Value.Span, out named)
            ? $"what it holds for {Shown(Key)} names no entry"
        : Entry is null ? $"for {Shown(Key)} it names {Shown(named)}, which is beyond the log, or not in a form of its protocol"
        : Array.Exists(named, c => c.Index == Entry.Index) ? $"for {Shown(Key)} it names entry {Entry.Index}, which is another"
        : $"for {Shown(Key)} it names {Shown(named)}, though entry {Entry.Index} "
            + (named[0].Index > Entry.Index ? "came first" : "is one, too");

    /// <summary>Whether map and log of this head really contradict each other. The head's signature is the caller's to check.</summary>
    public Verification Verify(LogHead head, MapRule rule)
    {
        if (SparseMapProof.Verify(Proof, head.MapRoot, Key.Span, Value.Span) is Verification.Rejected map)
        {
            return map;
        }
        var isSpelled = rule.TryParse(Value.Span, out var named);
        if (Entry is null)
        {
            return Misbehaviour.Contradiction(!Value.IsEmpty && (!isSpelled || named[^1].Index >= head.TreeSize));
        }
        var leaf = TreeHash.EntryLeaf(Entry.Key.Span, Entry.ValueDigest);
        if (MerkleProof.VerifyInclusion(Entry.Index, head.TreeSize, leaf, Entry.Path, head.LogRoot) is Verification.Rejected log)
        {
            return log;
        }
        var sameKey = Entry.Key.Span.SequenceEqual(Key.Span);
        if (!isSpelled)
        {
            return Misbehaviour.Contradiction(Value.IsEmpty && sameKey);
        }
        var at = Array.FindIndex(named, c => c.Index == Entry.Index);
        return Misbehaviour.Contradiction(
            at >= 0 ? !sameKey || Entry.ValueDigest != named[at].Digest : sameKey && MustName(rule, named, Entry.Index)
        );
    }

    /// <summary>Whether a value that names these claims of a key would have to name an entry of that key, too.</summary>
    internal static bool MustName(MapRule rule, ReadOnlySpan<MapClaim> named, ulong index) =>
        named.Length < rule.MaxClaims || index < named[^1].Index;

    static string Shown(MapClaim[] claims) =>
        claims.Length == 1 ? $"entry {claims[0].Index}" : $"entries {claims[0].Index} to {claims[^1].Index}";

    /// <summary>Keys are foreign bytes: shown as text where they are printable, and never at length.</summary>
    static string Shown(ReadOnlyMemory<byte> key)
    {
        var part = key.Span[..Math.Min(key.Length, ShownKey)];
        var text =
            part.IndexOfAnyExceptInRange((byte)' ', (byte)'~') < 0
                ? $"'{Encoding.ASCII.GetString(part)}"
                : $"'{Convert.ToHexStringLower(part)}";
        return key.Length > ShownKey ? text + "…'" : text + "'";
    }
}
