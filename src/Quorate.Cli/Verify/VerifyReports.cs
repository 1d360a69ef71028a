using System.Text;
using Quorate.Core;
using Quorate.Core.Files;
using Quorate.Crypto.Keys;
using Quorate.Nix.Verification;
using Quorate.Trust;

namespace Quorate.Cli.Verify;

/// <summary>Files that a verification may be written to.</summary>
/// <param name="Graph"><c>.svg</c> or <c>.html</c>.</param>
/// <param name="Summary">The signed verification summary, and the key that signs it.</param>
sealed record VerifyReports(string? Graph, string? Sbom, string? Summary, string? SummaryKey)
{
    /// <summary>Says what is wrong before anything is asked of anybody.</summary>
    public void Check()
    {
        if ((Summary is null) != (SummaryKey is null))
        {
            throw new CliException("--vsa and --vsa-key belong together");
        }
        if (SummaryKey is not null)
        {
            using var key = KeyFiles.ReadPrivate(SummaryKey).Key;
        }
        if (Graph is not null && !IsHtml && !Graph.EndsWith(".svg", StringComparison.OrdinalIgnoreCase))
        {
            throw new CliException("--graph writes FILE.svg or FILE.html");
        }
    }

    bool IsHtml => Graph?.EndsWith(".html", StringComparison.OrdinalIgnoreCase) ?? false;

    /// <param name="trustFile">The file of the trust model, which a summary names.</param>
    public async Task WriteAsync(CliHost host, TraceVerification result, string trustFile)
    {
        var accepted = result.Verdict == Verdict.Accepted;
        if (!accepted && (Graph ?? Sbom) is not null)
        {
            await host.Error.WriteLineAsync("quorate: nothing was accepted, so there is no graph and no bill of materials");
            foreach (var file in new[] { Graph, Sbom }.Where(File.Exists))
            {
                await host.Error.WriteLineAsync($"quorate: {file} is from before");
            }
        }
        if (accepted && Graph is not null)
        {
            DurableFile.Replace(Graph, Encoding.UTF8.GetBytes(IsHtml ? DagDrawing.Html(result) : DagDrawing.Svg(result)));
        }
        if (accepted && Sbom is not null)
        {
            using var document = new MemoryStream();
            CycloneDx.Write(document, result, host.Clock.GetUtcNow());
            DurableFile.Replace(Sbom, document.ToArray());
        }
        if (Summary is null)
        {
            return;
        }
        if (result.Verdict == Verdict.Inconclusive)
        {
            await host.Error.WriteLineAsync("quorate: an inconclusive verification has no summary");
            return;
        }
        using var key = KeyFiles.ReadPrivate(SummaryKey!).Key;
        var policy = Sha256Digest.HashData(await File.ReadAllBytesAsync(trustFile));
        var verifier = $"urn:quorate:verifier:sha256:{KeyFingerprints.SubjectPublicKeyInfo(key.PublicKey)}";
        var summary = new VerificationSummary(verifier, new Uri(Path.GetFullPath(trustFile)).AbsoluteUri, policy);
        DurableFile.Replace(Summary, summary.Sign(result, key, host.Clock.GetUtcNow()));
    }
}
