using System.Text.Json;
using Quorate.Trust;

namespace Quorate.Nix.Verification;

/// <summary>A verification as JSON, complete: what programs read of it.</summary>
public static class VerificationJson
{
    public static string Word(Verdict verdict) =>
        verdict switch
        {
            Verdict.Accepted => "accepted",
            Verdict.Rejected => "rejected",
            _ => "inconclusive",
        };

    public static string Word(VerificationMode mode) =>
        mode switch
        {
            VerificationMode.Position => "position",
            VerificationMode.Paths => "paths",
            _ => "coalition",
        };

    public static string Word(EvidenceForm form) =>
        form switch
        {
            EvidenceForm.Nix => "nix",
            EvidenceForm.LegacyResolved => "legacy-resolved",
            EvidenceForm.Legacy => "legacy",
            _ => "trace",
        };

    /// <summary>The members of the document's object.</summary>
    public static void Write(Utf8JsonWriter writer, TraceVerification result)
    {
        writer.WriteString("verdict"u8, Word(result.Verdict));
        writer.WriteString("mode"u8, Word(result.Mode));
        writer.WriteString("target"u8, result.Target.ToString());
        writer.WriteString("rule"u8, result.Rule);
        if (result.Outputs is { } outputs)
        {
            Outputs(writer, outputs);
        }
        Texts(writer, "reasons"u8, result.Reasons);
        Texts(writer, "coalition"u8, result.Coalition);
        Texts(writer, "legacy"u8, result.Legacy.Select(path => path.ToString()));
        writer.WriteNumber("lookups"u8, result.Exploration?.Lookups ?? 0);
        Positions(writer, "positions"u8, result.Positions);
        Positions(writer, "fixed"u8, result.Fixed);
        Each(
            writer,
            "divergences"u8,
            result.Divergences,
            divergence =>
            {
                writer.WriteString("derivation"u8, divergence.Derivation.ToString());
                Each(
                    writer,
                    "outcomes"u8,
                    divergence.Outcomes,
                    outcome =>
                    {
                        if (outcome.Resolved is { } resolved)
                        {
                            writer.WriteString("resolved"u8, resolved.ToString());
                        }
                        Outputs(writer, outcome.Outputs);
                        Texts(writer, "builders"u8, outcome.Builders);
                    }
                );
            }
        );
        Each(
            writer,
            "missing"u8,
            result.Missing,
            missing =>
            {
                writer.WriteString("derivation"u8, missing.Derivation.ToString());
                Texts(writer, "resolved"u8, missing.Resolved.Select(hash => hash.ToString()));
                writer.WriteString("reason"u8, missing.Reason);
            }
        );
        Each(
            writer,
            "gaps"u8,
            result.Gaps,
            gap =>
            {
                if (gap.Position is { } position && result.Exploration is { } exploration)
                {
                    writer.WriteString("derivation"u8, exploration.Closure.Derivations[position].Path.ToString());
                }
                writer.WriteString("reason"u8, gap.Reason);
            }
        );
        writer.WriteStartObject("refused"u8);
        foreach (
            var (fault, count) in result.Exploration?.RefusedCounts.OrderBy(pair => pair.Key)
                ?? Enumerable.Empty<KeyValuePair<Traces.TraceFault, int>>()
        )
        {
            writer.WriteNumber(fault.ToString(), count);
        }
        writer.WriteEndObject();
        Each(
            writer,
            "local"u8,
            result.Local,
            content =>
            {
                writer.WriteString("path"u8, content.Path.ToString());
                writer.WriteString("state"u8, content.State);
                writer.WriteString("detail"u8, content.Detail);
            }
        );
    }

    static void Positions(Utf8JsonWriter writer, ReadOnlySpan<byte> name, IReadOnlyList<VerifiedPosition> positions) =>
        Each(
            writer,
            name,
            positions,
            position =>
            {
                writer.WriteString("derivation"u8, position.Derivation.ToString());
                if (position.Resolved is { } resolved)
                {
                    writer.WriteString("resolved"u8, resolved.ToString());
                }
                if (position.Outputs is { } outputs)
                {
                    Outputs(writer, outputs);
                }
                Texts(writer, "signers"u8, position.Signers);
                if (position.RestsOnLegacy)
                {
                    writer.WriteBoolean("legacy"u8, true);
                }
                Texts(writer, "inputs"u8, position.Inputs.Select(input => input.ToString()));
                Each(
                    writer,
                    "claims"u8,
                    position.Claims,
                    claim =>
                    {
                        writer.WriteString("builder"u8, claim.Builder.Name);
                        writer.WriteString("form"u8, Word(claim.Form));
                        if (!claim.IsAtomic)
                        {
                            writer.WriteBoolean("atomic"u8, false);
                        }
                        if (!claim.IsExact)
                        {
                            writer.WriteBoolean("exact"u8, false);
                        }
                        if (claim.Built is { } built)
                        {
                            writer.WriteBoolean("built"u8, built);
                        }
                        Texts(writer, "sources"u8, claim.Sources);
                        writer.WriteStartObject("outputs"u8);
                        foreach (var output in claim.Stated)
                        {
                            writer.WriteStartObject(output.Name);
                            writer.WriteString("path"u8, output.Path.ToString());
                            if (output.NarHash is { } hash)
                            {
                                writer.WriteString("narHash"u8, NarHash.ToNix32(hash));
                            }
                            writer.WriteEndObject();
                        }
                        writer.WriteEndObject();
                    }
                );
            }
        );

    static void Outputs(Utf8JsonWriter writer, OutputPaths outputs)
    {
        writer.WriteStartObject("outputs"u8);
        foreach (var (name, path) in outputs.Pairs)
        {
            writer.WriteString(name, path);
        }
        writer.WriteEndObject();
    }

    static void Texts(Utf8JsonWriter writer, ReadOnlySpan<byte> name, IEnumerable<string> texts)
    {
        writer.WriteStartArray(name);
        foreach (var text in texts)
        {
            writer.WriteStringValue(text);
        }
        writer.WriteEndArray();
    }

    static void Each<T>(Utf8JsonWriter writer, ReadOnlySpan<byte> name, IEnumerable<T> items, Action<T> members)
    {
        writer.WriteStartArray(name);
        foreach (var item in items)
        {
            writer.WriteStartObject();
            members(item);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }
}
