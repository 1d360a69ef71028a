using System.Buffers;
using System.Globalization;
using System.Text;
using Quorate.Core;
using Quorate.Core.Encodings;
using Quorate.Core.Map;
using Quorate.Crypto;

namespace Quorate.Log;

/// <summary>
/// Misbehaviour as a file (docs/formats/misbehaviour.md): lines of text in a fixed order, one spelling for everything, complete for whoever has the
/// log's public key. The time and the key in it are not evidence.
/// </summary>
public static class MisbehaviourProof
{
    /// <summary>Two keys of the largest size in base64, two checkpoints, and proofs of full depth come to less.</summary>
    public const int MaxBytes = 1 << 18;

    const string Magic = "quorate-misbehaviour 1";
    const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss'Z'";
    const int MaxNodes = 256;

    /// <summary>A checkpoint with its extension lines and one signature.</summary>
    const int MaxNoteBytes = 32 << 10;

    static readonly (MisbehaviourKind Kind, string Name)[] s_kinds =
    [
        (MisbehaviourKind.TwoLogRoots, "two-log-roots"),
        (MisbehaviourKind.TwoMapRoots, "two-map-roots"),
        (MisbehaviourKind.TwoMapHistoryRoots, "two-map-history-roots"),
        (MisbehaviourKind.RewrittenLog, "rewritten-log"),
        (MisbehaviourKind.RewrittenMapHistory, "rewritten-map-history"),
        (MisbehaviourKind.WrongMapHistoryLeaf, "wrong-map-history-leaf"),
        (MisbehaviourKind.MapContradictsLog, "map-contradicts-log"),
    ];

    static readonly SearchValues<byte> s_text = SearchValues.Create([
        (byte)'\n',
        .. Enumerable.Range(' ', '~' - ' ' + 1).Select(b => (byte)b),
    ]);

    /// <summary>The kind's name in files, JSON and metrics.</summary>
    public static string NameOf(MisbehaviourKind kind) => Array.Find(s_kinds, pair => pair.Kind == kind).Name;

    public static byte[] Write(Misbehaviour record, Ed25519PublicKey key)
    {
        var text = new StringBuilder();
        Line(text, Magic);
        Line(text, "kind", NameOf(record.Kind));
        Line(text, "key", key.ToString());
        Line(text, "found", record.Found.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture));
        if (record.Earlier is { } earlier)
        {
            Line(text, "earlier", Statement(earlier));
        }
        Line(text, "later", Statement(record.Later));
        if (HasActual(record.Kind))
        {
            Line(text, "actual", Base64(record.Actual));
            Nodes(text, "node", record.Proof);
        }
        if (record.Map is { } map)
        {
            Line(text, "map-key", Base64(map.Key.Span));
            Line(text, "map-value", Base64(map.Value.Span));
            Line(text, "map-depth", map.Proof.NumSideNodes.ToString(CultureInfo.InvariantCulture));
            Line(text, "map-mask", Base64(map.Proof.BitMask.Span));
            Line(text, "map-leaf", map.Proof.NonMembershipLeaf is { } leaf ? Base64(leaf.Span) : "-");
            Nodes(text, "map-node", map.Proof.SideNodes);
            if (map.Entry is { } entry)
            {
                Line(text, "entry", $"{entry.Index} {Base64(entry.Key.Span)} {Base64(entry.ValueDigest)}");
                Nodes(text, "node", entry.Path);
            }
        }
        return Encoding.ASCII.GetBytes(text.ToString());
    }

    /// <summary>Reads a file. Nothing of it is verified: see <see cref="Misbehaviour.Verify"/>.</summary>
    /// <param name="key">The key that the file names; whoever verifies brings his own.</param>
    /// <exception cref="MalformedException">The bytes are not what <see cref="Write"/> gives for any record.</exception>
    public static Misbehaviour Parse(ReadOnlySpan<byte> bytes, out Ed25519PublicKey key)
    {
        if (bytes.Length > MaxBytes)
        {
            throw new MalformedException($"a proof of misbehaviour has at most {MaxBytes} bytes");
        }
        if (bytes.IndexOfAnyExcept(s_text) is >= 0 and var odd)
        {
            throw new MalformedException($"byte {odd} is not text");
        }
        var lines = new ProofLines(Encoding.ASCII.GetString(bytes));
        var record = Parse(lines, out key);
        // One comparison covers everything that the reader below lets through.
        return Write(record, key).AsSpan().SequenceEqual(bytes)
            ? record
            : throw new MalformedException("a proof of misbehaviour that is not in its canonical form");
    }

    static Misbehaviour Parse(ProofLines lines, out Ed25519PublicKey key)
    {
        lines.Expect(Magic);
        var name = lines.Value("kind");
        var kind = Array.FindIndex(s_kinds, pair => pair.Name == name) is >= 0 and var i
            ? s_kinds[i].Kind
            : throw new MalformedException("unknown kind of misbehaviour");
        key = Ed25519PublicKey.TryParse(lines.Value("key"), out var parsed) ? parsed : throw lines.Wrong("a public key");
        var found = DateTimeOffset.TryParseExact(
            lines.Value("found"),
            TimeFormat,
            CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal,
            out var time
        )
            ? time
            : throw lines.Wrong("a time in UTC");
        var earlier = lines.Optional("earlier") is { } e ? Statement(lines, e) : null;
        var later = Statement(lines, lines.Value("later"));
        var actual = Sha256Digest.Zero;
        IReadOnlyList<Sha256Digest> proof = [];
        if (HasActual(kind))
        {
            actual = lines.Digest(lines.Value("actual"));
            proof = lines.Digests("node", MaxNodes);
        }
        var map = kind == MisbehaviourKind.MapContradictsLog ? Map(lines) : null;
        lines.Finish();
        return new Misbehaviour(kind, earlier, later, actual, proof, map, found);
    }

    static MapContradiction Map(ProofLines lines)
    {
        var key = lines.Bytes(lines.Value("map-key"), PublishedLogOptions.MaxKeyLimit);
        var value = lines.Bytes(lines.Value("map-value"), MapContradiction.MaxValueBytes);
        var depth = lines.Number(lines.Value("map-depth"));
        if (depth > SparseMap.MaxDepth)
        {
            throw lines.Wrong("the depth of a map proof");
        }
        var mask = lines.Bytes(lines.Value("map-mask"), SparseMap.MaxDepth / 8);
        var leaf = lines.Value("map-leaf") is not "-" and var text ? lines.Bytes(text, 65) : null;
        var sides = lines.Digests("map-node", SparseMap.MaxDepth);
        ProvenEntry? entry = null;
        if (lines.Optional("entry") is { } entryText)
        {
            var fields = lines.Fields(entryText, 3);
            entry = new ProvenEntry(
                lines.Number(fields[0]),
                lines.Bytes(fields[1], PublishedLogOptions.MaxKeyLimit),
                lines.Digest(fields[2]),
                lines.Digests("node", MaxNodes)
            );
        }
        // The explicit type matters: a null array would become an empty leaf, which is not the same as none.
        var other = leaf is null ? (ReadOnlyMemory<byte>?)null : leaf;
        return new MapContradiction(key, value, new MapProof(sides, other, mask, (int)depth), entry);
    }

    static bool HasActual(MisbehaviourKind kind) =>
        kind is MisbehaviourKind.RewrittenLog or MisbehaviourKind.RewrittenMapHistory or MisbehaviourKind.WrongMapHistoryLeaf;

    static string Statement(SignedTree tree) =>
        tree switch
        {
            SignedTree.OfHead { Head: var h } => string.Create(
                CultureInfo.InvariantCulture,
                $"head {h.TreeSize} {Base64(h.LogRoot)} {Base64(h.MapRoot)} {h.MhTreeSize} {Base64(h.MhRoot)} {Base64(h.Signature.Span)}"
            ),
            SignedTree.OfCheckpoint checkpoint => $"checkpoint {Base64(checkpoint.Note.Bytes.Span)}",
            _ => throw new InvalidOperationException("unreachable: the hierarchy is closed"),
        };

    static SignedTree Statement(ProofLines lines, string text)
    {
        const string checkpoint = "checkpoint ";
        if (text.StartsWith(checkpoint, StringComparison.Ordinal))
        {
            return SignedTree.OfCheckpoint.Parse(lines.Bytes(text[checkpoint.Length..], MaxNoteBytes));
        }
        var fields = text.StartsWith("head ", StringComparison.Ordinal)
            ? lines.Fields(text["head ".Length..], 6)
            : throw lines.Wrong("a signed head");
        return new LogHead(
            lines.Digest(fields[1]),
            lines.Number(fields[0]),
            lines.Digest(fields[2]),
            lines.Digest(fields[4]),
            lines.Number(fields[3]),
            lines.Bytes(fields[5], Ed25519PublicKey.SignatureSize)
        );
    }

    static void Nodes(StringBuilder text, string name, IReadOnlyList<Sha256Digest> nodes)
    {
        foreach (var node in nodes)
        {
            Line(text, name, Base64(node));
        }
    }

    /// <summary>No bytes are written as a dash, so that no line ends with a space.</summary>
    static string Base64(ReadOnlySpan<byte> bytes) => bytes.IsEmpty ? "-" : StrictBase64.Encode(bytes);

    static string Base64(in Sha256Digest digest) => StrictBase64.Encode(digest.AsSpan());

    static void Line(StringBuilder text, string name, string value) => Line(text, $"{name} {value}");

    static void Line(StringBuilder text, string line) => text.Append(line).Append('\n');
}
