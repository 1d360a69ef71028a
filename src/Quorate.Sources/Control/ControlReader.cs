using System.Text.Json;
using Quorate.Core;

namespace Quorate.Sources.Control;

/// <summary>
/// Reads the control API's documents. Unknown members are ignored, so that an older command line works with a newer node; a known member
/// of the wrong type is an error that names it.
/// </summary>
static class ControlReader
{
    public static NodeStatus Status(JsonElement e) =>
        new(
            Text(e, "version") ?? "",
            Text(e, "state") ?? "",
            Text(e, "startedAt"),
            Text(e, "publicUrl"),
            Strings(e, "listen"),
            List(e, "gates", g => new GateInfo(Need(g, "protocol"), Need(g, "listen"), Text(g, "mode") ?? "", Text(g, "publicKey"))),
            Number<int>(e, "publishedLogs") ?? 0,
            Number<int>(e, "followedLogs") ?? 0,
            Text(e, "configFile")
        );

    public static LogList Logs(JsonElement e) => new(List(e, "published", Log), List(e, "followed", Log));

    static LogInfo Log(JsonElement e) =>
        new(
            Need(e, "name"),
            Text(e, "builder") ?? Need(e, "name"),
            Text(e, "logId") ?? "",
            Need(e, "protocol"),
            Text(e, "key") ?? "",
            Text(e, "role") ?? "",
            Text(e, "claims") ?? "built",
            Number<ulong>(e, "treeSize"),
            Member(e, "head") is { } head ? Head(head) : null,
            Number<long>(e, "selfDivergences"),
            Member(e, "status") is { } status
                ? new FollowStatus(
                    Text(status, "lastSuccess"),
                    Text(status, "lastAttempt"),
                    Text(status, "fault"),
                    Text(status, "misbehaviour"),
                    Number<ulong>(status, "missingValues") ?? 0,
                    Member(status, "stale") is { ValueKind: JsonValueKind.True },
                    Text(status, "freshAt")
                )
                : null,
            Member(e, "filter") is { } filter ? Filter(filter) : null
        );

    public static MisbehaviourInfo Misbehaviour(JsonElement e) =>
        new(
            Need(e, "kind"),
            Text(e, "detail") ?? "",
            Text(e, "found"),
            Bytes(e, "proof") ?? throw new MalformedException("'proof' is missing")
        );

    public static FilterInfo Filter(JsonElement e) =>
        new(Strings(e, "allow"), Strings(e, "deny"), Strings(e, "denyDeriver"), Strings(e, "denyReferences"));

    public static HeadInfo Head(JsonElement e) =>
        new(
            Need(e, "logRoot"),
            Need(e, "mapRoot"),
            Need(e, "mhRoot"),
            Number<ulong>(e, "treeSize") ?? 0,
            Number<ulong>(e, "mhTreeSize") ?? 0,
            Text(e, "signature") ?? ""
        );

    public static IReadOnlyList<EntryInfo> Entries(JsonElement e)
    {
        // The proof status is one for the whole look-up; an entry may state its own.
        var proof = Text(e, "proof");
        return List(
            e,
            "entries",
            entry => new EntryInfo(
                Number<ulong>(entry, "index") ?? 0,
                Need(entry, "keyHex"),
                Text(entry, "key"),
                Need(entry, "valueDigest"),
                Text(entry, "leafHash"),
                Bytes(entry, "value"),
                Text(entry, "proof") ?? proof
            )
        );
    }

    public static SubmitOutcome Submitted(JsonElement e) =>
        new(
            Number<int>(e, "added") ?? 0,
            Number<int>(e, "duplicates") ?? 0,
            Number<int>(e, "filtered") ?? 0,
            List(
                e,
                "divergences",
                d => new DivergenceInfo(Need(d, "keyHex"), Need(d, "first"), Need(d, "later"), Number<ulong>(d, "index"))
            ),
            Number<ulong>(e, "treeSize") ?? 0,
            Text(e, "logRoot")
        );

    public static DecisionInfo Decision(JsonElement e) =>
        new(
            Need(e, "verdict"),
            Text(e, "protocol") ?? "",
            Text(e, "key"),
            Text(e, "keyHex") ?? "",
            Text(e, "engine") ?? "",
            Number<int>(e, "confidence") ?? 0,
            Member(e, "accepted") is { } accepted
                ? new AcceptedInfo(Text(accepted, "digest") ?? "", Outputs(accepted), Bytes(accepted, "value"))
                : null,
            Strings(e, "supporters"),
            List(e, "testimonies", Testimony),
            Strings(e, "reasons")
        );

    static TestimonyInfo Testimony(JsonElement e) =>
        new(
            Need(e, "builder"),
            Need(e, "status"),
            Text(e, "origin"),
            Text(e, "logId"),
            Number<ulong>(e, "index"),
            Number<ulong>(e, "treeSize"),
            Text(e, "firstSeen"),
            Text(e, "digest"),
            Outputs(e),
            Text(e, "reason"),
            List(e, "selfDivergences", d => Text(d, "digest") ?? "")
        );

    static Dictionary<string, OutputInfo> Outputs(JsonElement e)
    {
        var outputs = new Dictionary<string, OutputInfo>(StringComparer.Ordinal);
        if (Member(e, "outputs") is { ValueKind: JsonValueKind.Object } map)
        {
            foreach (var output in map.EnumerateObject())
            {
                outputs[output.Name] = new OutputInfo(
                    Text(output.Value, "hash") ?? "",
                    Number<ulong>(output.Value, "size"),
                    Strings(output.Value, "references")
                );
            }
        }
        return outputs;
    }

    public static JsonElement? Member(JsonElement e, string name)
    {
        if (e.ValueKind != JsonValueKind.Object)
        {
            throw new MalformedException($"expected an object around '{name}'");
        }
        return e.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    public static string? Text(JsonElement e, string name) =>
        Member(e, name) switch
        {
            null => null,
            { ValueKind: JsonValueKind.String } text => text.GetString(),
            _ => throw new MalformedException($"'{name}' is not a string"),
        };

    public static string Need(JsonElement e, string name) => Text(e, name) ?? throw new MalformedException($"'{name}' is missing");

    static T? Number<T>(JsonElement e, string name)
        where T : struct, ISpanParsable<T>
    {
        if (Member(e, name) is not { } value)
        {
            return null;
        }
        // 64-bit numbers may come as strings, as in protobuf's JSON.
        var text = value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();
        return T.TryParse(text, null, out var number) ? number : throw new MalformedException($"'{name}' is not a number in range");
    }

    static byte[]? Bytes(JsonElement e, string name)
    {
        if (Text(e, name) is not { } text)
        {
            return null;
        }
        return Core.Encodings.StrictBase64.TryDecode(text, int.MaxValue / 2, out var bytes)
            ? bytes
            : throw new MalformedException($"'{name}' is not base64");
    }

    static string[] Strings(JsonElement e, string name) =>
        List(e, name, item => item.ValueKind == JsonValueKind.String ? item.GetString()! : item.GetRawText());

    static T[] List<T>(JsonElement e, string name, Func<JsonElement, T> read)
    {
        if (Member(e, name) is not { } list)
        {
            return [];
        }
        return list.ValueKind == JsonValueKind.Array
            ? [.. list.EnumerateArray().Select(read)]
            : throw new MalformedException($"'{name}' is not a list");
    }
}
