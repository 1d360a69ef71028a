using System.Text;
using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Core.Merkle;

namespace Quorate.Log;

/// <summary>An entry that is proven to stand in the log of a head.</summary>
/// <param name="Path">RFC 6962 inclusion proof under the head's log root.</param>
public sealed record ProvenEntry(ulong Index, ReadOnlyMemory<byte> Key, Sha256Digest ValueDigest, IReadOnlyList<Sha256Digest> Path);

/// <summary>
/// What the map of a head says of one key, and the entry of the same head's log that refutes it. The map holds for every key its first entry (Trustix), so it
/// is refuted by an entry of the key where the map has none, by another entry in the place that it names, and by an earlier entry of the key; and it
/// refutes itself where it names a place beyond the log or no place at all.
/// </summary>
/// <param name="Value">As stored in the map; empty when the map has nothing under the key.</param>
/// <param name="Proof">Of <paramref name="Value"/> under the head's map root.</param>
/// <param name="Entry">Null where the map's answer refutes itself.</param>
public sealed record MapContradiction(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value, MapProof Proof, ProvenEntry? Entry)
{
    /// <summary>Longest value that a proof holds; every value that names an entry is shorter.</summary>
    public const int MaxValueBytes = 4 * MapEntryJson.MaxLength;

    const int ShownKey = 100;

    /// <summary>Whether it fits into a file (<see cref="MisbehaviourProof"/>): a hostile log may have larger keys than any that we would take.</summary>
    public bool IsPortable =>
        Key.Length <= PublishedLogOptions.MaxKeyLimit
        && Value.Length <= MaxValueBytes
        && (Entry is null || Entry.Key.Length <= PublishedLogOptions.MaxKeyLimit);

    /// <summary>What is wrong, without the name of the head.</summary>
    public string Detail =>
        Value.IsEmpty ? $"it has nothing for {Shown(Key)}, which is entry {Entry?.Index}"
        : !MapEntryJson.TryParse(Value.Span, out _, out var index) ? $"what it holds for {Shown(Key)} names no entry"
        : Entry is null ? $"for {Shown(Key)} it names entry {index}, which is beyond the log"
        : Entry.Index == index ? $"for {Shown(Key)} it names entry {index}, which is another"
        : $"for {Shown(Key)} it names entry {index}, though entry {Entry.Index} came first";

    /// <summary>Whether map and log of this head really contradict each other. The head's signature is the caller's to check.</summary>
    public Verification Verify(LogHead head)
    {
        if (SparseMapProof.Verify(Proof, head.MapRoot, Key.Span, Value.Span) is Verification.Rejected map)
        {
            return map;
        }
        if (Entry is null)
        {
            return Misbehaviour.Contradiction(
                !Value.IsEmpty && (!MapEntryJson.TryParse(Value.Span, out _, out var named) || named >= head.TreeSize)
            );
        }
        var leaf = TreeHash.EntryLeaf(Entry.Key.Span, Entry.ValueDigest);
        if (MerkleProof.VerifyInclusion(Entry.Index, head.TreeSize, leaf, Entry.Path, head.LogRoot) is Verification.Rejected log)
        {
            return log;
        }
        var sameKey = Entry.Key.Span.SequenceEqual(Key.Span);
        if (Value.IsEmpty)
        {
            return Misbehaviour.Contradiction(sameKey);
        }
        return MapEntryJson.TryParse(Value.Span, out var digest, out var index)
            ? Misbehaviour.Contradiction(Entry.Index == index ? !sameKey || Entry.ValueDigest != digest : sameKey && Entry.Index < index)
            : Misbehaviour.Contradiction(false);
    }

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
