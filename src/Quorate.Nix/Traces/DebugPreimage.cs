using System.Text;
using System.Text.Unicode;
using Quorate.Nix.Derivations;

namespace Quorate.Nix.Traces;

/// <summary>
/// laut's debugging preimage: the text whose hash the claim is about, so that a difference between builders can be looked at without their
/// stores. JSON with ascending members, as <c>in.debug</c> of a JWS and as a byproduct of a bundle. No verifier reads it.
/// </summary>
static class DebugPreimage
{
    /// <summary>Longest preimage, in bytes of JSON: encoded twice in a bundle it leaves room within an element's 4 MiB.</summary>
    const int MaxBytes = 1 << 20;

    /// <summary>Null where the text is too large, or not UTF-8, which JSON cannot hold.</summary>
    public static ReadOnlyMemory<byte>? Of(ExaminedBuild.Sound build)
    {
        if (build.Aterm.Length > MaxBytes || !Utf8.IsValid(build.Aterm.Span))
        {
            return null;
        }
        var json = TraceWriter.Write(writer =>
        {
            writer.WriteStartObject();
            writer.WriteString("drv_name"u8, DerivationPaths.NameOf(build.Path));
            if (build.Regime == TraceRegime.SyntheticContentAddressed)
            {
                writer.WriteBoolean("ia"u8, true);
            }
            writer.WriteString("rdrv_aterm_ca_preimage"u8, Encoding.UTF8.GetString(build.Aterm.Span));
            // A derivation whose bytes have another path than its file was refused.
            writer.WriteString("rdrv_computed_path"u8, build.Path.ToString());
            writer.WriteString("rdrv_path"u8, build.Path.ToString());
            writer.WriteEndObject();
        });
        return json.Length > MaxBytes ? null : (ReadOnlyMemory<byte>?)json;
    }
}
