using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Traces;
using Quorate.Nix.Verification;
using Quorate.Testing;
using Quorate.Tests.Gates;
using Quorate.Tests.Nix.Derivations;
using Quorate.Trust.Rules;
using Xunit;

namespace Quorate.Tests.Nix.Verification;

/// <summary>The manual says which field of a report answers which threat: each of them is there, with something in it.</summary>
public sealed partial class ThreatFieldsTests : IDerivationSource, ITraceSource
{
    static readonly string[] s_names = ["amy", "ben", "carl"];

    readonly Dictionary<string, Ed25519PrivateKey> _keys = s_names.ToDictionary(name => name, _ => Ed25519PrivateKey.Generate());
    readonly Dictionary<ResolvedInputHash, List<ReadOnlyMemory<byte>>> _claims = [];

    public string Name => "memory";

    [Fact]
    public async Task Fields_of_the_manual_are_in_reports()
    {
        foreach (var name in s_names)
        {
            var dev = name == "carl" ? TraceScene.Content("a-dev", "other").StorePath : TraceScene.ADev;
            Claim(TraceScene.A.Hash, TraceScene.Claim(_keys[name], TraceScene.A, ("out", TraceScene.AOut), ("dev", dev)));
            Claim(
                TraceScene.ResolvedTop.Hash,
                TraceScene.Claim(_keys[name], TraceScene.ResolvedTop, ("out", TraceScene.TopInfo.StorePath))
            );
        }
        // Where a claim about top belongs.
        Claim(
            TraceScene.ResolvedTop.Hash,
            TraceScene.Claim(_keys["amy"], TraceScene.A, ("out", TraceScene.AOut), ("dev", TraceScene.ADev))
        );
        var all = s_names.Select(TrustModel (name) => new TrustModel.Key(name)).ToArray();
        var accepted = await ReportAsync(DerivationPaths.Of(TraceScene.UnresolvedTop, "top"), new TrustModel.Threshold(2, all));
        var divided = await ReportAsync(TraceScene.A.Path, new TrustModel.Threshold(3, all));
        var late = await ReportAsync(
            TraceScene.A.Path,
            new TrustModel.Threshold(1, [new TrustModel.Where(new TrustModel.Key("amy"), new VoteCondition.Logged())])
        );
        Assert.Equal(
            ["accepted", "rejected", "rejected"],
            new[] { accepted, divided, late }.Select(r => r.GetProperty("verdict").GetString())
        );

        var fields = Fields();

        Assert.Equal(9, fields.Count);
        Assert.All(fields, field => Assert.Contains(new[] { accepted, divided, late }, report => Has(report, field.Split('.'))));
        Assert.Contains(
            "does not meet 'where logged'",
            late.GetProperty("missing")[0].GetProperty("reason").GetString(),
            StringComparison.Ordinal
        );
    }

    public byte[]? Read(StorePath derivation) =>
        derivation == TraceScene.A.Path ? Encoding.UTF8.GetBytes(LabDerivations.A) : TraceScene.UnresolvedTop.ToAterm();

    public Task<TraceLookup> FindAsync(ResolvedInputHash input, CancellationToken cancellationToken) =>
        Task.FromResult<TraceLookup>(
            _claims.TryGetValue(input, out var claims) ? new TraceLookup.Found([TraceObject.OfElements(claims)], []) : TraceLookup.Absent
        );

    void Claim(ResolvedInputHash under, byte[] claim)
    {
        if (!_claims.TryGetValue(under, out var claims))
        {
            _claims[under] = claims = [];
        }
        claims.Add(claim);
    }

    async Task<JsonElement> ReportAsync(StorePath target, TrustModel model)
    {
        var trust = TraceTrust.Create(
            model,
            _keys.ToDictionary(
                key => key.Key,
                key => new TraceBuilderKeys([new NixCachePublicKey(key.Key + "-1", key.Value.PublicKey)], []),
                StringComparer.Ordinal
            )
        );
        var result = await new TraceVerifier(this, [this], TimeProvider.System).VerifyAsync(
            new VerificationRequest(target, OutputPaths.Empty, trust),
            progress: null,
            TestContext.Current.CancellationToken
        );
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            VerificationJson.Write(writer, result);
            writer.WriteEndObject();
        }
        return JsonElement.Parse(stream.ToArray());
    }

    /// <summary>The last column of the manual's table.</summary>
    static List<string> Fields() =>
        [
            .. File.ReadLines(Path.Combine(Vectors.RepositoryRoot(), "docs", "nix.md"))
                .Where(line => ThreatRow().IsMatch(line))
                .SelectMany(line => Quoted().Matches(line.TrimEnd(' ', '|').Split('|')[^1]))
                .Select(match => match.Groups[1].Value),
        ];

    static bool Has(JsonElement value, ReadOnlySpan<string> path)
    {
        if (path.IsEmpty)
        {
            return value.ValueKind switch
            {
                JsonValueKind.Array => value.GetArrayLength() > 0,
                JsonValueKind.String => value.GetString() != "",
                _ => true,
            };
        }
        var isList = path[0].EndsWith("[]", StringComparison.Ordinal);
        if (!value.TryGetProperty(isList ? path[0][..^2] : path[0], out var member))
        {
            return false;
        }
        if (!isList)
        {
            return Has(member, path[1..]);
        }
        foreach (var item in member.EnumerateArray())
        {
            if (Has(item, path[1..]))
            {
                return true;
            }
        }
        return false;
    }

    [GeneratedRegex("^\\| T[1-5] \\|", RegexOptions.None, 1000)]
    private static partial Regex ThreatRow();

    [GeneratedRegex("`([^`]+)`", RegexOptions.None, 1000)]
    private static partial Regex Quoted();
}
