using System.Globalization;
using System.Text.Json;
using Quorate.Core;
using Quorate.Core.Json;
using Quorate.Crypto.Keys;
using Quorate.Trust.Rules;

namespace Quorate.Nix.Verification;

/// <summary>
/// laut's trust model as JSON, the form that <c>nix eval --json</c> gives: <c>{"key": "name:base64"}</c>, <c>{"key_legacy": "name:base64"}</c> or
/// <c>{"threshold": t, "of": […]}</c>, nested. Every object is closed; every public key stands in one leaf.
/// </summary>
public static class LautTrustFile
{
    public const int MaxBytes = 1 << 20;
    const int MaxDepth = 32;
    const int NamedHead = 8;

    /// <exception cref="MalformedException">Not such a model, with the place.</exception>
    public static TraceTrust Parse(ReadOnlyMemory<byte> json)
    {
        if (json.Length > MaxBytes)
        {
            throw new MalformedException($"a trust model of {json.Length} bytes is over the limit of {MaxBytes}");
        }
        if (!StrictJson.TryParse(json, out var document, out var problem))
        {
            throw new MalformedException(problem);
        }
        using (document)
        {
            var keys = new Dictionary<string, TraceBuilderKeys>(StringComparer.Ordinal);
            return TraceTrust.Create(Node(document.RootElement, "", 0, isAlternative: true, keys), keys);
        }
    }

    static TrustModel Node(JsonElement value, string at, int depth, bool isAlternative, Dictionary<string, TraceBuilderKeys> keys)
    {
        if (depth > MaxDepth)
        {
            throw Fault(at, $"nested deeper than {MaxDepth} levels");
        }
        if (value.ValueKind != JsonValueKind.Object)
        {
            throw Fault(at, "expected an object with 'key', 'key_legacy', or 'threshold' and 'of'");
        }
        var members = value.EnumerateObject().Select(member => member.Name).ToList();
        return members switch
        {
            ["key"] => Leaf(value.GetProperty("key"), $"{at}key", legacy: false, keys),
            ["key_legacy"] when depth == 1 && isAlternative => Leaf(value.GetProperty("key_legacy"), $"{at}key_legacy", legacy: true, keys),
            ["key_legacy"] => throw Fault(at + "key_legacy", "only allowed directly in an outermost threshold of 1"),
            ["threshold", "of"] or ["of", "threshold"] => Group(value, at, depth, keys),
            _ => throw Fault(at, "an object has either 'key', or 'key_legacy', or 'threshold' and 'of', and nothing else"),
        };
    }

    static TrustModel.Threshold Group(JsonElement value, string at, int depth, Dictionary<string, TraceBuilderKeys> keys)
    {
        var of = value.GetProperty("of");
        if (of.ValueKind != JsonValueKind.Array || of.GetArrayLength() is 0 or > QuorumModel.MaxBuilders)
        {
            throw Fault(at + "of", $"expected a list of 1 to {QuorumModel.MaxBuilders} models");
        }
        var threshold = value.GetProperty("threshold");
        if (threshold.ValueKind != JsonValueKind.Number || !threshold.TryGetInt32(out var required))
        {
            throw Fault(at + "threshold", "expected a whole number");
        }
        if (required < 1 || required > of.GetArrayLength())
        {
            throw Fault(at + "threshold", $"{required} of a group of {of.GetArrayLength()} is impossible");
        }
        var children = new List<TrustModel>();
        foreach (var child in of.EnumerateArray())
        {
            var place = string.Create(CultureInfo.InvariantCulture, $"{at}of[{children.Count}].");
            children.Add(Node(child, place, depth + 1, required == 1, keys));
        }
        return new TrustModel.Threshold(required, children);
    }

    static TrustModel.Key Leaf(JsonElement value, string at, bool legacy, Dictionary<string, TraceBuilderKeys> keys)
    {
        if (!value.TryText(out var text) || !NixCachePublicKey.TryParse(text.Trim(), out var key))
        {
            throw Fault(at, "expected a public key: name:base64 of 32 bytes");
        }
        if (keys.Values.Any(known => known.ClaimKeys.Concat(known.LegacyKeys).Any(other => other.Key.Equals(key.Key))))
        {
            throw Fault(at, $"the public key {key.Key} stands in the model twice");
        }
        // Two keys may have been given one name; the reports need to tell them apart.
        var name = keys.ContainsKey(key.Name) ? $"{key.Name}-{KeyFingerprints.SubjectPublicKeyInfo(key.Key)[..NamedHead]}" : key.Name;
        if (!keys.TryAdd(name, legacy ? new TraceBuilderKeys([], [key]) : new TraceBuilderKeys([key], [])))
        {
            throw Fault(at, $"the name '{name}' stands in the model twice");
        }
        return new TrustModel.Key(name);
    }

    static MalformedException Fault(string at, string problem) => new(at.Length == 0 ? problem : $"{at.TrimEnd('.')}: {problem}");
}
