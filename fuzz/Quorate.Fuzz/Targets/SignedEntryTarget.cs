using System.Text;
using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Realisations;
using Quorate.Nix.Verification;
using Quorate.Trust;
using Quorate.Trust.Rules;

namespace Quorate.Fuzz.Targets;

/// <summary>A binary cache that answers every question with the same bytes; only what Nix signed, about the right derivation, may be accepted.</summary>
sealed class SignedEntryTarget : IFuzzTarget
{
    static readonly NixCacheSecretKey s_key = new("k", Ed25519PrivateKey.FromSeed(new byte[32]));

    static readonly Derivation s_derivation = Derivation.Parse(
        """Derive([("out","","r:sha256","")],[],[],"x86_64-linux","/bin/sh",[],[("name","a"),("out","/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9")])"""u8.ToArray(),
        StorePath.DefaultStoreDir
    );

    static readonly ResolvedDerivation s_resolved = ResolvedDerivation.Of(s_derivation, "a");
    static readonly StorePath s_built = StorePath.Parse("/nix/store/jwnbmck4w96d3z3rqyp1dw3p3ljpvza7-a");

    static readonly TraceTrust s_trust = TraceTrust.Create(
        new TrustModel.Key("a"),
        new Dictionary<string, TraceBuilderKeys>(StringComparer.Ordinal) { ["a"] = new([], []) { NixKeys = [s_key.PublicKey] } }
    );

    public string Name => "nix-signed-entry";

    public IEnumerable<byte[]> Seeds
    {
        get
        {
            var id = DrvOutputId.Of(s_resolved, "out");
            yield return Encoding.ASCII.GetBytes(new Realisation(id, s_built).SignedBy(s_key).ToJson());
            yield return Encoding.ASCII.GetBytes(
                new BuildTraceEntry(new BuildTraceKey(s_resolved.Path, "out"), s_built).SignedBy(s_key).ToValueJson()
            );
        }
    }

    public void Run(ReadOnlySpan<byte> input)
    {
        var verifier = new TraceVerifier(new OneDerivation(), [], TimeProvider.System, [new OneAnswer(input.ToArray())]);
        var request = new VerificationRequest(s_resolved.Path, OutputPaths.Empty, s_trust) { Parallel = 1 };
#pragma warning disable VSTHRD002 // A target is synchronous
        var result = Task.Run(() => verifier.VerifyAsync(request, progress: null, CancellationToken.None)).GetAwaiter().GetResult();
#pragma warning restore VSTHRD002
        FuzzException.ThrowUnless(
            result.Verdict != Verdict.Accepted || result.Outputs!.Equals(OutputPaths.Of("out", s_built.ToString())),
            "an output was accepted that nobody signed"
        );
    }

    sealed class OneDerivation : IDerivationSource
    {
        public byte[]? Read(StorePath derivation) => derivation == s_resolved.Path ? s_resolved.ToAterm() : null;
    }

    sealed class OneAnswer(byte[] bytes) : INixEntrySource
    {
        public string Name => "fuzz";

        public Task<NixEntryLookup> FindAsync(DrvOutputId id, string storeDir, CancellationToken cancellationToken) =>
            Task.FromResult(
                Realisation.TryParse(bytes, storeDir, out var realisation, out var problem)
                    ? new NixEntryLookup.Found(realisation)
                    : (NixEntryLookup)new NixEntryLookup.Unavailable(problem)
            );

        public Task<NixEntryLookup> FindAsync(BuildTraceKey key, CancellationToken cancellationToken) =>
            Task.FromResult(
                BuildTraceEntry.TryParseValue(bytes, key, out var entry, out var problem)
                    ? new NixEntryLookup.Found(entry)
                    : (NixEntryLookup)new NixEntryLookup.Unavailable(problem)
            );
    }
}
