using System.Text;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Traces;

namespace Quorate.Tests.Nix.Traces;

/// <summary>A key, a statement and ready-made elements that the tests of traces change one thing of.</summary>
static class TraceSamples
{
    public const string InputText = "gy2z3n5w3nr0p2xgwnaah0dmkrkjlj7r";
    public const string OutPath = "/nix/store/jwnbmck4w96d3z3rqyp1dw3p3ljpvza7-a";
    public const string DevPath = "/nix/store/zyxf9hpfkh9f93jnzw31nlzqjaq6skgg-a-dev";

    public static ResolvedInputHash Input { get; } = ResolvedInputHash.Parse(InputText);

    public static Ed25519PrivateKey Key { get; } = Ed25519PrivateKey.FromSeed(Enumerable.Repeat((byte)7, 32).ToArray());

    public static Ed25519PrivateKey OtherKey { get; } = Ed25519PrivateKey.FromSeed(Enumerable.Repeat((byte)8, 32).ToArray());

    public static TraceStatement Statement { get; } =
        new(
            Input,
            TraceRegime.ContentAddressed,
            [
                new SignedOutput("out", StorePath.Parse(OutPath), Sha256Digest.HashData("out"u8), "sha256", "nar"),
                new SignedOutput("dev", StorePath.Parse(DevPath), Sha256Digest.HashData("dev"u8), "sha256", "nar"),
            ],
            Built: true,
            AttemptId: 42,
            TraceProvenance.None with
            {
                Versions = new Dictionary<string, string>(StringComparer.Ordinal) { ["nixVersion"] = "2.34.8", ["nixFlavor"] = "nix" },
            }
        );

    public static TraceQuestion Question { get; } =
        new(
            Input,
            TraceRegime.ContentAddressed,
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["out"] = "a",
                ["dev"] = "a-dev",
                ["doc"] = "a-doc",
            }
        );

    public static byte[] Sign(TraceFormat format, TraceStatement? statement = null, Ed25519PrivateKey? key = null) =>
        TraceWriter.Sign(statement ?? Statement, format, key ?? Key, "builder");

    /// <summary>What comes of one element, asked with the sample's question and key unless told otherwise.</summary>
    public static TraceFindings Admit(ReadOnlyMemory<byte> element, TraceQuestion? question = null)
    {
        var findings = new TraceFindings();
        new TraceAdmission(new TraceKeys([Key.PublicKey])).Admit(TraceElement.Of(element), question ?? Question, findings);
        return findings;
    }

    public static TraceObject Read(string text) =>
        TraceObject.TryRead(Encoding.UTF8.GetBytes(text), out var traces, out var problem)
            ? traces
            : throw new InvalidOperationException(problem);
}
