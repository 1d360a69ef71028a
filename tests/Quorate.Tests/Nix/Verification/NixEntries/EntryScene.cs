using System.Text;
using Quorate.Core;
using Quorate.Crypto.Keys;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Realisations;
using Quorate.Nix.Traces;
using Quorate.Nix.Verification;
using Quorate.Sources.Configuration;
using Quorate.Tests.Gates;
using Quorate.Tests.Nix.Derivations;
using Xunit;

namespace Quorate.Tests.Nix.Verification.NixEntries;

/// <summary><c>top</c> is made of <c>a</c>, which has two outputs. Amy and Ben have keys of every kind, and there is a cache's key.</summary>
sealed class EntryScene : IDerivationSource, ITraceSource, IDisposable
{
    readonly Dictionary<ResolvedInputHash, List<ReadOnlyMemory<byte>>> _traces = [];

    public NixCacheSecretKey Amy { get; } = NixCacheSecretKey.Generate("amy-nix-1");

    public NixCacheSecretKey Ben { get; } = NixCacheSecretKey.Generate("ben-nix-1");

    public NixCacheSecretKey Cache { get; } = NixCacheSecretKey.Generate("cache-1");

    public NixCacheSecretKey AmyClaims { get; } = NixCacheSecretKey.Generate("amy-claims-1");

    public NixCacheSecretKey BenClaims { get; } = NixCacheSecretKey.Generate("ben-claims-1");

    public string Name => "traces";

    public static StorePath Target { get; } = DerivationPaths.Of(TraceScene.UnresolvedTop, "top");

    public static StorePath Result => TraceScene.TopInfo.StorePath;

    public static StorePath OtherResult { get; } = TraceScene.Content("top", "other").StorePath;

    /// <summary>Every builder with keys of every kind but legacy ones, and the cache.</summary>
    public TraceTrust Trust(string rule) =>
        TraceTrustFile.Parse(
            $"""
            rule: "{rule}"
            builders:
              amy: {Both(AmyClaims, Amy)}
              ben: {Both(BenClaims, Ben)}
              cache: {Legacy(Cache)}
            """,
            "trust.yaml"
        );

    static string Both(NixCacheSecretKey claims, NixCacheSecretKey nix) =>
        $$"""{ keys: ["{{claims.PublicKey}}"], nix_keys: ["{{nix.PublicKey}}"] }""";

    static string Legacy(NixCacheSecretKey key) => $$"""{ legacy_keys: ["{{key.PublicKey}}"] }""";

    /// <summary>All outputs of <c>a</c>, honestly.</summary>
    public static MemoryEntries SignA(MemoryEntries entries, NixCacheSecretKey key, bool isNew = false) =>
        entries.Signed(isNew, key, TraceScene.A, "out", TraceScene.AOut).Signed(isNew, key, TraceScene.A, "dev", TraceScene.ADev);

    /// <summary>Everything, resolved, honestly.</summary>
    public static MemoryEntries SignAll(MemoryEntries entries, NixCacheSecretKey key, bool isNew = false) =>
        SignA(entries, key, isNew).Signed(isNew, key, TraceScene.ResolvedTop, "out", Result);

    /// <summary>An ordinary trace.</summary>
    public EntryScene Claim(NixCacheSecretKey key, ResolvedDerivation derivation, params (string Name, StorePath Path)[] outputs) =>
        Claim(key, derivation, Sha256Digest.Zero, outputs);

    /// <summary>An ordinary trace that states this NAR hash of all outputs.</summary>
    public EntryScene Claim(
        NixCacheSecretKey key,
        ResolvedDerivation derivation,
        Sha256Digest narHash,
        params (string Name, StorePath Path)[] outputs
    )
    {
        var statement = new TraceStatement(
            derivation.Hash,
            TraceRegime.ContentAddressed,
            [.. outputs.Select(output => new SignedOutput(output.Name, output.Path, narHash))],
            Built: true,
            UInt128.One,
            TraceProvenance.None
        );
        if (!_traces.TryGetValue(derivation.Hash, out var traces))
        {
            _traces[derivation.Hash] = traces = [];
        }
        traces.Add(TraceWriter.Sign(statement, TraceFormat.Bundle, key.Key, "unused"));
        return this;
    }

    public Task<TraceVerification> VerifyAsync(string rule, params INixEntrySource[] entries) => VerifyAsync(rule, Result, entries);

    public Task<TraceVerification> VerifyAsync(string rule, StorePath? expected, params INixEntrySource[] entries)
    {
        var outputs = expected is null ? OutputPaths.Empty : OutputPaths.Of("out", expected.ToString());
        return VerifyAsync(new VerificationRequest(Target, outputs, Trust(rule)), entries);
    }

    public Task<TraceVerification> VerifyAsync(VerificationRequest request, params INixEntrySource[] entries) =>
        new TraceVerifier(this, [this], TimeProvider.System, entries).VerifyAsync(
            request,
            progress: null,
            TestContext.Current.CancellationToken
        );

    public byte[]? Read(StorePath derivation) =>
        derivation == LabDerivations.APath ? Encoding.UTF8.GetBytes(LabDerivations.A)
        : derivation == LabDerivations.DeferredPath ? Encoding.UTF8.GetBytes(LabDerivations.Deferred)
        : derivation == LabDerivations.OverDeferredPath ? Encoding.UTF8.GetBytes(LabDerivations.OverDeferred)
        : derivation == Target ? TraceScene.UnresolvedTop.ToAterm()
        : null;

    public Task<TraceLookup> FindAsync(ResolvedInputHash input, CancellationToken cancellationToken) =>
        Task.FromResult(
            _traces.TryGetValue(input, out var traces) ? new TraceLookup.Found([TraceObject.OfElements(traces)], []) : TraceLookup.Absent
        );

    public void Dispose()
    {
        foreach (var key in new[] { Amy, Ben, Cache, AmyClaims, BenClaims })
        {
            key.Dispose();
        }
    }
}
