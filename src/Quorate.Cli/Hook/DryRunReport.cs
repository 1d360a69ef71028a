using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Quorate.Nix;
using Quorate.Nix.Publishing;
using Quorate.Sources.Control;

namespace Quorate.Cli.Hook;

/// <summary>One path of a dry run: the claim that would be made, and whether the filter lets it out.</summary>
sealed record DryRunPath(NixClaim Claim, PublishVerdict Verdict);

/// <summary>What <c>quorate nix hook run --dry-run</c> found, for people and as JSON. Nothing of it was sent or kept.</summary>
/// <param name="Log">Null when the node could not say which log is meant.</param>
/// <param name="Filter"><c>none</c>: the log has none; <c>current</c>: the node's; <c>remembered</c>: the last one seen; <c>unknown</c>.</param>
/// <param name="Problem">Why the node or Nix could not be asked; null when both answered.</param>
sealed record DryRunReport(LogInfo? Log, string Filter, string? Problem, IReadOnlyList<DryRunPath> Paths)
{
    // For a terminal, a pipe or a file, never for a web page: hashes and paths stay as grep expects them.
    static readonly JsonWriterOptions s_json = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Nothing could be looked at.</summary>
    public static DryRunReport Nothing(string problem) => new(null, "unknown", problem, []);

    public IEnumerable<string> Lines()
    {
        if (Problem is not null)
        {
            yield return Problem;
        }
        if (Log is not null)
        {
            yield return $"log {Log.Name} ({Log.Claims} claims){(Filter == "none" ? ", which has no publish filter: everything built is published" : "")}";
        }
        else if (Paths.Count > 0)
        {
            yield return Filter == "unknown" ? "no filter is known: the node will apply its own" : "using the last known filter";
        }
        foreach (var (claim, verdict) in Paths)
        {
            yield return verdict is PublishVerdict.Withheld held
                ? $"withhold  {claim.Path}\n            {held.Rule}: {held.Reason}"
                : $"publish   {claim.Path}\n            {Encoding.ASCII.GetString(claim.ToBytes())}";
        }
    }

    public string ToJson()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var w = new Utf8JsonWriter(buffer, s_json))
        {
            w.WriteStartObject();
            w.WriteString("log", Log?.Name);
            w.WriteString("claims", Log?.Claims);
            w.WriteString("filter", Filter);
            w.WriteString("problem", Problem);
            w.WriteStartArray("paths");
            foreach (var (claim, verdict) in Paths)
            {
                var held = verdict as PublishVerdict.Withheld;
                w.WriteStartObject();
                w.WriteString("path", claim.Path.ToString());
                w.WriteBoolean("publish", held is null);
                w.WriteString("claim", claim.ToBytes());
                w.WriteString("rule", held?.Rule);
                w.WriteString("reason", held?.Reason);
                w.WriteEndObject();
            }
            w.WriteEndArray();
            w.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
