using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Quorate.Cli.Hook;

/// <summary>What became of one build, for people and as JSON.</summary>
sealed record HookReport
{
    // For a terminal, a pipe or a file, never for a web page: paths stay as grep expects them.
    static readonly JsonWriterOptions s_json = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Nothing was built.</summary>
    public static HookReport Nothing { get; } = new();

    /// <summary>Null when nothing was delivered.</summary>
    public string? Log { get; init; }

    /// <summary>Claims that the log has now, and how many of them are new, and how many differ from what it had.</summary>
    public int Published { get; init; }

    public int Added { get; init; }

    public int Divergent { get; init; }

    public int Withheld { get; init; }

    /// <summary>Claims that wait in the spool.</summary>
    public int KeptClaims { get; init; }

    /// <summary>Paths, or derivations, that wait in the spool for Nix to say what they are.</summary>
    public int KeptPaths { get; init; }

    /// <summary>Build traces that were signed, and that wait to be.</summary>
    public int Signed { get; init; }

    public int KeptToSign { get; init; }

    public int Dropped { get; init; }

    public string? Spool { get; init; }

    /// <summary>Why something was not delivered; empty when all was.</summary>
    public string Problem { get; init; } = "";

    /// <summary>Empty when there is nothing to say.</summary>
    public string Line()
    {
        var said = new List<string>();
        if (Log is not null)
        {
            said.Add(
                (Published, Divergent, Added) switch
                {
                    (0, _, _) => "nothing to publish",
                    (_, > 0, _) => $"{Count(Published)} logged in {Log}, {Divergent} DIFFERENT from what it logged before",
                    (_, _, 0) => $"{Log} already has {Count(Published)}",
                    _ => $"{Count(Added)} logged in {Log}",
                } + (Withheld > 0 ? $", {Withheld} withheld by its filter" : "")
            );
        }
        if (Problem.Length > 0)
        {
            said.Add($"not delivered: {Problem}{(Log is null && Withheld > 0 ? $", {Withheld} withheld by the filter" : "")}");
        }
        if (KeptClaims + KeptPaths > 0)
        {
            said.Add($"{Count(KeptClaims + KeptPaths)} kept for later in {Spool}");
        }
        if (Signed > 0)
        {
            said.Add(Signed == 1 ? "1 build signed" : $"{Signed} builds signed");
        }
        if (KeptToSign > 0)
        {
            said.Add($"{(KeptToSign == 1 ? "1 build" : $"{KeptToSign} builds")} to be signed later");
        }
        if (Dropped > 0)
        {
            said.Add($"{Count(Dropped)} DROPPED");
        }
        return string.Join("; ", said);
    }

    public string ToJson()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var w = new Utf8JsonWriter(buffer, s_json))
        {
            w.WriteStartObject();
            w.WriteString("log", Log);
            w.WriteNumber("published", Published);
            w.WriteNumber("added", Added);
            w.WriteNumber("divergent", Divergent);
            w.WriteNumber("withheld", Withheld);
            w.WriteNumber("keptClaims", KeptClaims);
            w.WriteNumber("keptPaths", KeptPaths);
            w.WriteNumber("signed", Signed);
            w.WriteNumber("keptToSign", KeptToSign);
            w.WriteNumber("dropped", Dropped);
            w.WriteString("spool", Spool);
            w.WriteString("problem", Problem.Length > 0 ? Problem : null);
            w.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    static string Count(int paths) => paths == 1 ? "1 path" : $"{paths} paths";
}
