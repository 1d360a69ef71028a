using System.Runtime.InteropServices;
using System.Text.Json;
using Quorate.Core;
using Quorate.Core.Encodings;
using Quorate.Core.Json;
using Quorate.Core.Merkle;
using Quorate.Crypto.Envelopes;

namespace Quorate.Nix.Transparency;

/// <summary>An entry of a Rekor v2 log as bundles carry it, in <c>tlogEntries</c>: its body, and the proof that a signed tree has it.</summary>
static class LogEntry
{
    const int MaxEntryBytes = 2 << 20;
    const int MaxProofHashes = 63;

    /// <summary>Null when the entry proves that a log of the root has exactly the expected body.</summary>
    public static string? Problem(JsonElement entry, JsonElement expected, TrustedRoot root)
    {
        if (entry.ValueKind != JsonValueKind.Object || JsonMarshal.GetRawUtf8Value(entry).Length > MaxEntryBytes)
        {
            return $"log entry: not an object of at most {MaxEntryBytes} bytes";
        }
        if (!entry.TryMember("logId"u8, out var id) || !TrustedRoot.TryBytes(id, "keyId"u8, out var keyId))
        {
            return "logId: no keyId in base64";
        }
        if (root.Logs.FirstOrDefault(log => log.KeyId.AsSpan().SequenceEqual(keyId)) is not { } log)
        {
            return "logId: of no log of the trusted root";
        }
        if (
            !entry.TryMember("kindVersion"u8, out var version)
            || !version.Says("kind"u8, "hashedrekord")
            || !version.Says("version"u8, "0.0.2")
        )
        {
            return "kindVersion: not hashedrekord 0.0.2";
        }
        if (
            !entry.TryMember("canonicalizedBody"u8, out var text)
            || !text.TryUtf8(out var base64)
            || !DsseBase64.TryDecode(base64, MaxEntryBytes, out var body)
        )
        {
            return "canonicalizedBody: not base64";
        }
        return Body(body, expected) ?? Inclusion(entry, body, log);
    }

    static string? Body(ReadOnlyMemory<byte> body, JsonElement expected)
    {
        if (!StrictJson.TryParse(body, out var document, out var problem))
        {
            return $"canonicalizedBody: {problem}";
        }
        using (document)
        {
            return JsonElement.DeepEquals(document.RootElement, expected)
                ? null
                : "canonicalizedBody: about another signature than this one";
        }
    }

    /// <summary>Size and root are taken from the signed checkpoint only, whatever else the proof says of them.</summary>
    static string? Inclusion(JsonElement entry, byte[] body, TransparencyLog log)
    {
        if (!entry.TryText("logIndex"u8, out var decimals) || !StrictDecimal.TryParse(decimals, out var index))
        {
            return "logIndex: not a canonical decimal below 2^63, as text";
        }
        if (
            !entry.TryMember("inclusionProof"u8, out var proof)
            || !proof.TryMember("checkpoint"u8, out var note)
            || !note.TryMember("envelope"u8, out var envelope)
            || !envelope.TryUtf8(out var checkpointText)
        )
        {
            return "inclusionProof: has no checkpoint";
        }
        if (!TryHashes(proof, out var hashes))
        {
            return $"inclusionProof.hashes: not an array of at most {MaxProofHashes} SHA-256";
        }
        if (log.Read(checkpointText, out var checkpoint) is { } problem)
        {
            return problem;
        }
        return
            MerkleProof.VerifyInclusion(index, checkpoint!.Size, TreeHash.Leaf(body), hashes, checkpoint.Root)
                is Core.Verification.Rejected rejected
            ? $"inclusionProof: {rejected.Detail}"
            : null;
    }

    static bool TryHashes(JsonElement proof, out Sha256Digest[] hashes)
    {
        hashes = [];
        // A tree of one leaf needs none, and writers of JSON leave out what is empty.
        if (!proof.TryMember("hashes"u8, out var list))
        {
            return true;
        }
        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() > MaxProofHashes)
        {
            return false;
        }
        var read = new Sha256Digest[list.GetArrayLength()];
        var count = 0;
        foreach (var item in list.EnumerateArray())
        {
            if (
                !item.TryUtf8(out var base64)
                || !DsseBase64.TryDecode(base64, Sha256Digest.Size, out var bytes)
                || !Sha256Digest.TryCreate(bytes, out read[count++])
            )
            {
                return false;
            }
        }
        hashes = read;
        return true;
    }
}
