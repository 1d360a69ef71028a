using System.Text;
using System.Text.Json;
using Quorate.Cli.Rendering;
using Quorate.Nix.Traces;

namespace Quorate.Cli.Signing;

/// <summary>What became of each derivation, for people and as JSON.</summary>
static class SigningReport
{
    public static async Task PrintAsync(CliHost host, IReadOnlyList<SigningOutcome> outcomes, bool json, bool toOutput)
    {
        if (json)
        {
            await host.WriteJsonAsync(w => Write(w, outcomes));
            return;
        }
        foreach (var outcome in outcomes)
        {
            await PrintAsync(host, outcome, toOutput);
        }
    }

    static async Task PrintAsync(CliHost host, SigningOutcome outcome, bool toOutput)
    {
        switch (outcome.Build)
        {
            case ExaminedBuild.Skipped skipped:
                await host.Error.WriteLineAsync($"skipped {outcome.Derivation}: {skipped.Code}: {skipped.Reason}");
                break;
            case ExaminedBuild.Contradicted contradicted:
                await host.Error.WriteLineAsync($"REFUSED {outcome.Derivation}: {Screen.Printable(contradicted.Reason)}");
                break;
            default:
                if (toOutput)
                {
                    await host.Out.WriteLineAsync(Encoding.UTF8.GetString(outcome.Trace!.Element.Raw.Span));
                }
                foreach (var place in outcome.Places)
                {
                    await host.Out.WriteLineAsync($"{outcome.Trace!.Input} {place}");
                }
                if (outcome.Trace!.Note is { } note)
                {
                    await host.Error.WriteLineAsync($"{outcome.Derivation}: {note}");
                }
                foreach (var problem in outcome.Problems)
                {
                    await host.Error.WriteLineAsync($"quorate: {Screen.Printable(problem)}");
                }
                break;
        }
    }

    static void Write(Utf8JsonWriter w, IReadOnlyList<SigningOutcome> outcomes)
    {
        w.WriteStartArray("builds");
        foreach (var outcome in outcomes)
        {
            w.WriteStartObject();
            w.WriteString("derivation", outcome.Derivation.ToString());
            w.WriteString(
                "status",
                outcome.Build switch
                {
                    ExaminedBuild.Skipped => "skipped",
                    ExaminedBuild.Contradicted => "refused",
                    _ => "signed",
                }
            );
            w.WriteString("code", (outcome.Build as ExaminedBuild.Skipped)?.Code);
            w.WriteString(
                "reason",
                (outcome.Build as ExaminedBuild.Skipped)?.Reason ?? (outcome.Build as ExaminedBuild.Contradicted)?.Reason
            );
            w.WriteString("input", outcome.Trace?.Input.ToString());
            w.WriteStartObject("outputs");
            foreach (var output in outcome.Trace?.Outputs ?? [])
            {
                w.WriteString(output.Name, output.Path.ToString());
            }
            w.WriteEndObject();
            w.WriteString("claim", outcome.Trace is { } trace ? Encoding.UTF8.GetString(trace.Element.Raw.Span) : null);
            w.WriteString("note", outcome.Trace?.Note);
            WriteTexts(w, "places", outcome.Places);
            WriteTexts(w, "problems", outcome.Problems);
            w.WriteEndObject();
        }
        w.WriteEndArray();
    }

    static void WriteTexts(Utf8JsonWriter w, string name, IReadOnlyList<string> texts)
    {
        w.WriteStartArray(name);
        foreach (var text in texts)
        {
            w.WriteStringValue(text);
        }
        w.WriteEndArray();
    }
}
