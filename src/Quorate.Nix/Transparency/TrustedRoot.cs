using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Quorate.Core;
using Quorate.Core.Json;
using Quorate.Crypto.Envelopes;
using Quorate.Crypto.Notes;

namespace Quorate.Nix.Transparency;

/// <summary>
/// The transparency logs of a Sigstore <c>TrustedRoot</c>, version 0.1, as JSON (docs/formats/transparency.md). What it says of certificate authorities and
/// time stamps is not read. Immutable.
/// </summary>
public sealed class TrustedRoot
{
    public const int MaxBytes = 1 << 20;
    public const int MaxLogs = 64;

    const string MediaType = "application/vnd.dev.sigstore.trustedroot+json;version=0.1";
    const int MaxKeyBytes = 1 << 10;

    TrustedRoot(IReadOnlyList<TransparencyLog> logs) => Logs = logs;

    /// <summary>At least one; no two have the same key.</summary>
    public IReadOnlyList<TransparencyLog> Logs { get; }

    /// <exception cref="MalformedException">Not such a file, with the place.</exception>
    public static TrustedRoot Parse(ReadOnlyMemory<byte> json) =>
        TryParse(json, out var root, out var problem) ? root : throw new MalformedException(problem);

    public static bool TryParse(ReadOnlyMemory<byte> json, [NotNullWhen(true)] out TrustedRoot? root, out string problem)
    {
        root = null;
        if (json.Length > MaxBytes)
        {
            problem = $"a trusted root of {json.Length} bytes is over the limit of {MaxBytes}";
            return false;
        }
        if (!StrictJson.TryParse(json, out var document, out problem))
        {
            return false;
        }
        using (document)
        {
            return TryRead(document.RootElement, out root, out problem);
        }
    }

    static bool TryRead(JsonElement file, [NotNullWhen(true)] out TrustedRoot? root, out string problem)
    {
        root = null;
        problem = "";
        if (!file.Says("mediaType"u8, MediaType))
        {
            problem = $"mediaType: not {MediaType}";
        }
        else if (
            !file.TryMember("tlogs"u8, out var list)
            || list.ValueKind != JsonValueKind.Array
            || list.GetArrayLength() is 0 or > MaxLogs
        )
        {
            problem = $"tlogs: not an array of 1 to {MaxLogs}";
        }
        else
        {
            var logs = new List<TransparencyLog>();
            foreach (var item in list.EnumerateArray())
            {
                if (Log(item, out var log) is { } fault)
                {
                    problem = $"tlogs[{logs.Count}].{fault}";
                    return false;
                }
                if (logs.Exists(known => known.KeyId == log!.KeyId))
                {
                    problem = $"tlogs[{logs.Count}]: the same log once more";
                    return false;
                }
                logs.Add(log!);
            }
            root = new TrustedRoot(logs);
        }
        return root is not null;
    }

    static string? Log(JsonElement item, out TransparencyLog? log)
    {
        log = null;
        if (!item.TryText("baseUrl"u8, out var url) || OriginOf(url) is not { } origin)
        {
            return "baseUrl: not an http or https URL that can name a log";
        }
        if (!item.Says("hashAlgorithm"u8, "SHA2_256"))
        {
            return "hashAlgorithm: not SHA2_256";
        }
        if (
            !item.TryMember("publicKey"u8, out var key)
            || !key.TryText("keyDetails"u8, out var details)
            || !TryBytes(key, "rawBytes"u8, out var bytes)
        )
        {
            return "publicKey: not rawBytes in base64 with keyDetails";
        }
        log = TransparencyLog.From(origin, details, bytes);
        if (log is null)
        {
            return "publicKey: neither PKIX_ED25519 nor PKIX_ECDSA_P256_SHA_256, or not such a key";
        }
        var isNamed = false;
        foreach (var name in (string[])["logId", "checkpointKeyId"])
        {
            if (item.TryGetProperty(name, out var id))
            {
                if (!TryBytes(id, "keyId"u8, out var stated) || !log.KeyId.AsSpan().SequenceEqual(stated))
                {
                    return $"{name}: not the ID of this key under the name {origin}";
                }
                isNamed = true;
            }
        }
        return isNamed ? null : "logId: missing";
    }

    /// <summary>The URL without scheme and without a slash at its end.</summary>
    static string? OriginOf(string url)
    {
        var rest =
            url.StartsWith("https://", StringComparison.Ordinal) ? url["https://".Length..]
            : url.StartsWith("http://", StringComparison.Ordinal) ? url["http://".Length..]
            : "";
        var origin = rest.EndsWith('/') ? rest[..^1] : rest;
        return NoteName.IsKeyName(origin) && Uri.IsWellFormedUriString(url, UriKind.Absolute) ? origin : null;
    }

    internal static bool TryBytes(JsonElement parent, ReadOnlySpan<byte> member, out byte[] bytes)
    {
        bytes = [];
        return parent.TryMember(member, out var text)
            && text.TryUtf8(out var base64)
            && DsseBase64.TryDecode(base64, MaxKeyBytes, out bytes);
    }
}
