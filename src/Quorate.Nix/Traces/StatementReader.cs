using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Quorate.Core;
using Quorate.Core.Json;
using Quorate.Crypto.Envelopes;
using Quorate.Nix.Derivations;

namespace Quorate.Nix.Traces;

/// <summary>
/// Reads an in-toto statement with SLSA provenance as laut's profile restricts it. Members that the profile does not close are ignored, as
/// in-toto and SLSA demand; in what it does close, or needs, nothing is forgiven.
/// </summary>
static class StatementReader
{
    const int ThumbprintLength = 64;
    const int InvocationIdLength = 32;

    static readonly SearchValues<char> s_hexDigits = SearchValues.Create("0123456789abcdef");

    /// <param name="Signer">The fingerprint that the verifying key must have.</param>
    internal sealed record Content(
        string Signer,
        TraceRegime Regime,
        ResolvedInputHash? Input,
        bool HasCriticalFeatures,
        bool? Built,
        TraceReading.OutputText[] Outputs
    );

    public static bool TryRead(JsonElement statement, [NotNullWhen(true)] out Content? content, out string problem)
    {
        content = null;
        if (
            !statement.Says("_type"u8, TraceStatementNames.StatementType)
            || !statement.Says("predicateType"u8, TraceStatementNames.PredicateType)
        )
        {
            problem = "not an in-toto statement v1 with SLSA provenance v1";
            return false;
        }
        if (
            !statement.TryMember("predicate"u8, out var predicate)
            || !predicate.TryMember("buildDefinition"u8, out var definition)
            || !predicate.TryMember("runDetails"u8, out var run)
        )
        {
            problem = "predicate: has no buildDefinition or no runDetails";
            return false;
        }
        if (
            !TryRegime(definition, out var regime, out problem)
            || !TryParameters(definition, out var input, out var critical, out problem)
            || !TryRun(run, out var signer, out var built, out problem)
            || !TrySubjects(statement, out var outputs, out problem)
        )
        {
            return false;
        }
        content = new Content(signer, regime, input, critical, built, outputs);
        return true;
    }

    static bool TryRegime(JsonElement definition, out TraceRegime regime, out string problem)
    {
        regime = definition.Says("buildType"u8, TraceStatementNames.SyntheticBuild)
            ? TraceRegime.SyntheticContentAddressed
            : TraceRegime.ContentAddressed;
        var known =
            regime == TraceRegime.SyntheticContentAddressed || definition.Says("buildType"u8, TraceStatementNames.ContentAddressedBuild);
        problem = known ? "" : "buildType: not one of the profile";
        return known;
    }

    static bool TryParameters(JsonElement definition, out ResolvedInputHash? input, out bool critical, out string problem)
    {
        input = null;
        critical = false;
        if (!definition.TryMember("externalParameters"u8, out var parameters) || parameters.ValueKind != JsonValueKind.Object)
        {
            problem = "externalParameters: not an object";
            return false;
        }
        foreach (var member in parameters.EnumerateObject())
        {
            if (!member.NameEquals("resolvedInput"u8) && !member.NameEquals("criticalFeatures"u8))
            {
                problem = "externalParameters: closed, but has a member that the profile does not know";
                return false;
            }
        }
        if (!parameters.TryMember("resolvedInput"u8, out var resolved) || !TryIdentified(resolved, out var digest))
        {
            problem = "resolvedInput: not a resource descriptor with digests";
            return false;
        }
        // An input that is named by other schemes only is well-formed; it just cannot be looked up here.
        if (digest.TryText("aterm"u8, out var text) && ResolvedInputHash.TryParse(text, out var hash))
        {
            input = hash;
        }
        return TryCriticalFeatures(parameters, out critical, out problem);
    }

    static bool TryCriticalFeatures(JsonElement parameters, out bool critical, out string problem)
    {
        critical = false;
        problem = "";
        if (!parameters.TryMember("criticalFeatures"u8, out var features) || features.ValueKind == JsonValueKind.Null)
        {
            return true;
        }
        problem = "criticalFeatures: not an array of different strings";
        if (features.ValueKind != JsonValueKind.Array)
        {
            return false;
        }
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var feature in features.EnumerateArray())
        {
            if (!feature.TryText(out var name) || !seen.Add(name))
            {
                return false;
            }
        }
        critical = seen.Count > 0;
        problem = "";
        return true;
    }

    static bool TryRun(JsonElement run, out string signer, out bool? built, out string problem)
    {
        signer = "";
        built = true;
        if (
            !run.TryMember("builder"u8, out var builder)
            || !builder.TryText("id"u8, out var id)
            || !id.StartsWith(TraceStatementNames.BuilderPrefix, StringComparison.Ordinal)
            || id.Length != TraceStatementNames.BuilderPrefix.Length + ThumbprintLength
        )
        {
            problem = $"builder.id: not {TraceStatementNames.BuilderPrefix} and a fingerprint";
            return false;
        }
        if (builder.TryMember("version"u8, out var versions) && versions.ValueKind != JsonValueKind.Null && !HoldsTexts(versions))
        {
            problem = "builder.version: not an object of strings";
            return false;
        }
        if (
            !run.TryMember("metadata"u8, out var metadata)
            || !metadata.TryText("invocationId"u8, out var invocation)
            || invocation.Length != InvocationIdLength
            || invocation.AsSpan().ContainsAnyExcept(s_hexDigits)
        )
        {
            problem = "metadata.invocationId: not 32 lowercase hexadecimal digits";
            return false;
        }
        // The build types say that a build was executed; only our own field can take that back.
        if (metadata.TryMember("quorate_built"u8, out var flag))
        {
            if (flag.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
            {
                problem = $"metadata.{TraceStatementNames.BuiltField}: not a boolean";
                return false;
            }
            built = flag.GetBoolean();
        }
        signer = id[TraceStatementNames.BuilderPrefix.Length..];
        problem = "";
        return true;
    }

    static bool TrySubjects(JsonElement statement, out TraceReading.OutputText[] outputs, out string problem)
    {
        outputs = [];
        problem = $"subject: not an array of 1 to {TraceReading.MaxOutputs} outputs";
        if (!statement.TryMember("subject"u8, out var subjects) || subjects.ValueKind != JsonValueKind.Array)
        {
            return false;
        }
        var list = new TraceReading.OutputText[Math.Min(subjects.GetArrayLength(), TraceReading.MaxOutputs)];
        if (list.Length == 0 || list.Length != subjects.GetArrayLength())
        {
            return false;
        }
        var count = 0;
        foreach (var subject in subjects.EnumerateArray())
        {
            if (!TryIdentified(subject, out var digest) || !subject.TryText("name"u8, out var name) || name.Length == 0)
            {
                problem = $"subject[{count}]: not a named resource descriptor with digests";
                return false;
            }
            Sha256Digest? hash = null;
            if (digest.TryText("nix-nar-sha256"u8, out var hex))
            {
                if (!Sha256Digest.TryParseHex(hex, out var parsed))
                {
                    problem = $"subject[{count}]: {TraceStatementNames.NarScheme} is not lowercase hexadecimal";
                    return false;
                }
                hash = parsed;
            }
            list[count++] = new TraceReading.OutputText(name, digest.TryText("nix-ca-store-path"u8, out var path) ? path : null, hash);
        }
        if (list.Length > 1 && list.DistinctBy(output => output.Name, StringComparer.Ordinal).Count() != list.Length)
        {
            problem = "subject: two outputs of one name";
            return false;
        }
        outputs = list;
        problem = "";
        return true;
    }

    /// <summary>A resource descriptor of in-toto whose digests are not empty.</summary>
    static bool TryIdentified(JsonElement resource, out JsonElement digest)
    {
        if (!resource.TryMember("digest"u8, out digest) || !HoldsTexts(digest) || digest.GetPropertyCount() == 0)
        {
            return false;
        }
        foreach (var scheme in digest.EnumerateObject())
        {
            if (scheme.NameEquals(""u8) || scheme.Value.ValueEquals(""u8))
            {
                return false;
            }
        }
        foreach (var member in resource.EnumerateObject())
        {
            if (member.Value.ValueKind == JsonValueKind.Null)
            {
                // The mandatory members were required to be something else above, or are by the caller.
                continue;
            }
            if (!Fits(member))
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>Whether a member of a resource descriptor, if in-toto names it, is of its kind.</summary>
    static bool Fits(JsonProperty member) =>
        member.NameEquals("name"u8)
        || member.NameEquals("uri"u8)
        || member.NameEquals("downloadLocation"u8)
        || member.NameEquals("mediaType"u8)
            ? member.Value.ValueKind == JsonValueKind.String
        : member.NameEquals("content"u8)
            ? member.Value.TryUtf8(out var base64) && DsseBase64.TryDecode(base64, TraceObject.MaxElementBytes, out _)
        : !member.NameEquals("annotations"u8) || member.Value.ValueKind == JsonValueKind.Object;

    static bool HoldsTexts(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            return false;
        }
        foreach (var member in value.EnumerateObject())
        {
            if (member.Value.ValueKind != JsonValueKind.String)
            {
                return false;
            }
        }
        return true;
    }
}
