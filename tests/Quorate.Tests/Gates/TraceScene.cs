using System.Text;
using Quorate.Core;
using Quorate.Core.Encodings;
using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Realisations;
using Quorate.Nix.Traces;
using Quorate.Nix.Verification;
using Quorate.Node.Gates.Traces;
using Quorate.Sources.Traces;
using Quorate.Tests.Nix.Derivations;
using Quorate.Trust.Rules;
using Xunit;

namespace Quorate.Tests.Gates;

/// <summary>
/// A trace cache and a folder of derivations, and a gate that believes amy and ben together. <c>top</c> is made of <c>a</c>, which has two
/// outputs.
/// </summary>
sealed class TraceScene : IAsyncDisposable
{
    const string Top = """
        Derive([("out","","r:sha256","")],[("/nix/store/79lzxj70kpqvhwbk42p6qz6a6ggscch8-a.drv",["out"])],[],"x86_64-linux","/bin/sh",["-eu","-c","echo $a > $out"],[("a","/07aalvfxgn9wfp2yg1mm6drk36vdnm5b1lm4895mkhl1lglin5y8"),("builder","/bin/sh"),("name","top"),("out","/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9"),("system","x86_64-linux")])
        """;

    readonly string _root = Directory.CreateTempSubdirectory("quorate").FullName;
    readonly TraceCache _cache;

    TraceScene()
    {
        Assert.True(TraceCacheAddress.TryParse("dir:" + _root, out var address));
        _cache = new TraceCache(address, TimeProvider.System);
    }

    public Ed25519PrivateKey Amy { get; } = Ed25519PrivateKey.Generate();

    public Ed25519PrivateKey Ben { get; } = Ed25519PrivateKey.Generate();

    public GateFixture Gate { get; private set; } = null!;

    public static ResolvedDerivation A { get; } = ResolvedDerivation.Of(LabDerivations.Parse(LabDerivations.A), "a");

    public static StorePath AOut { get; } = Content("a", "a").StorePath;

    public static StorePath ADev { get; } = Content("a-dev", "dev").StorePath;

    public static NarInfo TopInfo { get; } = Content("top", "top", AOut);

    public static Derivation UnresolvedTop { get; } = LabDerivations.Parse(Top);

    /// <summary><c>top</c> with <see cref="AOut"/>.</summary>
    public static ResolvedDerivation ResolvedTop { get; } = DerivationResolution.Resolve(UnresolvedTop, "top", (_, _) => AOut)!;

    /// <summary>What clients ask by before they have resolved it.</summary>
    public static DrvOutputId UnresolvedTopId { get; } = IdOf(UnresolvedTop);

    public static async Task<TraceScene> StartAsync(bool withGraph = false)
    {
        var scene = new TraceScene();
        var keys = new Dictionary<string, TraceBuilderKeys>(StringComparer.Ordinal)
        {
            ["amy"] = new([new NixCachePublicKey("amy-1", scene.Amy.PublicKey)], []),
            ["ben"] = new([new NixCachePublicKey("ben-1", scene.Ben.PublicKey)], []),
        };
        var trust = TraceTrust.Create(new TrustModel.Threshold(2, [new TrustModel.Key("amy"), new TrustModel.Key("ben")]), keys);
        if (withGraph)
        {
            await scene.PutGraphAsync(LabDerivations.APath, Encoding.UTF8.GetBytes(LabDerivations.A));
            await scene.PutGraphAsync(DerivationPaths.Of(UnresolvedTop, "top"), UnresolvedTop.ToAterm());
        }
        var parts = new GateTraceParts(trust, withGraph ? scene.Graph : null, [scene._cache], [], () => [scene._cache], null, () => []);
        scene.Gate = await GateFixture.StartAsync(traces: parts);
        return scene;
    }

    string Graph => Path.Combine(_root, "drvs");

    public async Task PutGraphAsync(StorePath path, byte[] aterm)
    {
        Directory.CreateDirectory(Graph);
        await File.WriteAllBytesAsync(Path.Combine(Graph, path.BaseName), aterm);
    }

    /// <summary>Both builders claim everything honestly, and the resolved derivations are kept.</summary>
    public async Task ClaimAllAsync()
    {
        foreach (var key in new[] { Amy, Ben })
        {
            await ClaimAsync(key, A, ("out", AOut), ("dev", ADev));
            await ClaimAsync(key, ResolvedTop, ("out", TopInfo.StorePath));
        }
    }

    public async Task ClaimAsync(Ed25519PrivateKey key, ResolvedDerivation derivation, params (string Name, StorePath Path)[] outputs)
    {
        await ClaimOnlyAsync(key, derivation, outputs);
        await _cache.AddDerivationAsync(derivation.Hash, derivation.ToAterm(), CancellationToken.None);
    }

    /// <summary>Claims without keeping the resolved derivation.</summary>
    public Task ClaimOnlyAsync(Ed25519PrivateKey key, ResolvedDerivation derivation, params (string Name, StorePath Path)[] outputs) =>
        _cache.AddAsync(derivation.Hash, TraceElement.Of(Claim(key, derivation, outputs)), CancellationToken.None);

    /// <summary>A signed claim.</summary>
    public static byte[] Claim(Ed25519PrivateKey key, ResolvedDerivation derivation, params (string Name, StorePath Path)[] outputs)
    {
        var statement = new TraceStatement(
            derivation.Hash,
            TraceRegime.ContentAddressed,
            [.. outputs.Select(output => new SignedOutput(output.Name, output.Path, NarHashOf(output.Path)))],
            Built: true,
            UInt128.One,
            TraceProvenance.None
        );
        return TraceWriter.Sign(statement, TraceFormat.Bundle, key, "unused");
    }

    /// <summary>Puts bytes where the resolved derivation of a hash belongs.</summary>
    public Task PutDerivationAsync(ResolvedInputHash hash, byte[] aterm) => _cache.AddDerivationAsync(hash, aterm, CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await Gate.DisposeAsync();
        Amy.Dispose();
        Ben.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    /// <summary>An object without references to itself, its NAR being any bytes.</summary>
    public static NarInfo Content(string name, string content, params StorePath[] references)
    {
        var hash = Sha256Digest.HashData(Encoding.ASCII.GetBytes(content));
        return new NarInfo
        {
            StorePath = ContentAddressing.RecursiveSha256(hash, references, StorePath.DefaultStoreDir, name),
            Url = $"nar/{Nix32.Encode(hash.AsSpan())}.nar",
            Compression = "none",
            NarHash = hash,
            NarSize = (ulong)content.Length,
            References = references,
        };
    }

    static Sha256Digest NarHashOf(StorePath path) =>
        path == TopInfo.StorePath ? TopInfo.NarHash
        : path == AOut ? Sha256Digest.HashData("a"u8)
        : Sha256Digest.HashData("dev"u8);

    static DrvOutputId IdOf(Derivation derivation) =>
        DrvOutputId.TryOf(derivation, "top", "out", LabDerivations.Hashes, out var id, out var problem)
            ? id
            : throw new InvalidOperationException(problem);
}
