using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Quorate.Core.Encodings;
using Quorate.Core.Json;
using Quorate.Crypto;
using Quorate.Crypto.Keys;

namespace Quorate.Nix.Realisations;

/// <summary>
/// What realisations and build-trace entries have in common. Signatures are a text, <c>NAME:BASE64</c>, or since Nix 2.35 an object with
/// <c>keyName</c> and <c>sig</c>; both are read in both places.
/// </summary>
static class RealisationJson
{
    public const int MaxSignatures = NarInfo.MaxSignatures;

    public static bool TryParse(ReadOnlyMemory<byte> json, int maxBytes, [NotNullWhen(true)] out JsonDocument? document, out string problem)
    {
        document = null;
        problem = $"{json.Length} bytes are over the limit of {maxBytes}";
        return json.Length <= maxBytes && StrictJson.TryParse(json, out document, out problem);
    }

    /// <summary>Whether a value is an object without other members than these.</summary>
    public static bool HasOnly(JsonElement value, ReadOnlySpan<string> names, out string problem)
    {
        problem = "";
        if (value.ValueKind != JsonValueKind.Object)
        {
            problem = "not a JSON object";
            return false;
        }
        foreach (var member in value.EnumerateObject())
        {
            if (!names.Contains(member.Name))
            {
                problem = "a member has an unknown name";
                return false;
            }
        }
        return true;
    }

    public static bool TryPath(JsonElement value, ReadOnlySpan<byte> member, string storeDir, [NotNullWhen(true)] out StorePath? path)
    {
        path = null;
        return value.TryText(member, out var baseName) && StorePath.TryFromBaseName(storeDir, baseName, out path);
    }

    /// <summary>Reads member <c>signatures</c>, which may be missing.</summary>
    public static bool TrySignatures(JsonElement value, out ImmutableArray<string> signatures, out string problem)
    {
        signatures = [];
        problem = "";
        if (!value.TryMember("signatures"u8, out var array))
        {
            return true;
        }
        if (array.ValueKind != JsonValueKind.Array || array.GetArrayLength() > MaxSignatures)
        {
            problem = $"signatures is not an array of at most {MaxSignatures}";
            return false;
        }
        var texts = ImmutableArray.CreateBuilder<string>();
        foreach (var item in array.EnumerateArray())
        {
            if (!TrySignature(item, out var name, out var base64))
            {
                problem = $"signatures[{texts.Count}] is not a key's name and a signature";
                return false;
            }
            texts.Add($"{name}:{base64}");
        }
        signatures = texts.ToImmutable();
        return true;
    }

    /// <summary>An array of texts.</summary>
    public static string SignatureTexts(ImmutableArray<string> signatures) => $"[{string.Join(',', signatures.Select(s => $"\"{s}\""))}]";

    /// <summary>An array of objects.</summary>
    public static string SignatureObjects(ImmutableArray<string> signatures) => $"[{string.Join(',', signatures.Select(SignatureObject))}]";

    static string SignatureObject(string signature)
    {
        var colon = signature.IndexOf(':', StringComparison.Ordinal);
        return $$"""{"keyName":"{{signature.AsSpan(0, colon)}}","sig":"{{signature.AsSpan(colon + 1)}}"}""";
    }

    static bool TrySignature(JsonElement item, out string name, out string base64)
    {
        (name, base64) = ("", "");
        if (item.TryText(out var text))
        {
            var colon = text.IndexOf(':', StringComparison.Ordinal);
            (name, base64) = colon < 0 ? ("", "") : (text[..colon], text[(colon + 1)..]);
        }
        else if (
            HasOnly(item, ["keyName", "sig"], out _)
            && item.TryText("keyName"u8, out var keyName)
            && item.TryText("sig"u8, out var signature)
        )
        {
            (name, base64) = (keyName, signature);
        }
        // Names that cannot be those of keys are refused, so that what is read here can be printed in either shape.
        return NixCachePublicKey.IsName(name)
            && StrictBase64.TryDecode(base64, Ed25519PublicKey.SignatureSize, out var bytes)
            && bytes.Length == Ed25519PublicKey.SignatureSize;
    }
}
