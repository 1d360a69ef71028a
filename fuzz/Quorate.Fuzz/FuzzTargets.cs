using Quorate.Fuzz.Targets;
using Quorate.Rpc.Codecs;

namespace Quorate.Fuzz;

/// <summary>All targets. A new one is added here by hand, so that none is lost to a naming convention.</summary>
public static class FuzzTargets
{
    public static IReadOnlyList<IFuzzTarget> All { get; } =
    [
        new HexTarget(),
        new StrictBase64Target(),
        new Nix32Target(),
        new MapEntryJsonTarget(),
        new MapRuleTarget(),
        new MapProofTarget(),
        new MapImageTarget(),
        new MerkleProofTarget(),
        new MisbehaviourProofTarget(),
        new AddCheckpointTarget(),
        new PrivateKeyFileTarget(),
        new PublicKeyFileTarget(),
        new NixCacheKeyTarget(),
        new TrustixTokenTarget(),
        new TrustixTokenHeaderTarget(),
        new SignedNoteTarget(),
        new NoteVerifierKeyTarget(),
        new CheckpointTarget(),
        new TileNumberTarget(),
        new EntryBundleTarget(),
        new TlogProofTarget(),
        new TlogPolicyTarget(),
        new ValueBundleTarget(),
        new HeadBundleTarget(),
        new ProofExtraTarget(),
        new AuditStateTarget(),
        new StorePathTarget(),
        new NarHashTarget(),
        new NixClaimTarget(),
        new NarInfoTarget(),
        new NixSettingsTarget(),
        new DerivationTarget(),
        new ResolvedInputHashTarget(),
        new LogFrameTarget(),
        new WriteAheadFileTarget(),
        new StateImageTarget(),
        new HeadJsonTarget(),
        new LogIdentityFileTarget(),
        new SignedStateTarget(),
        new SpoolBatchTarget(),
        new BarePathsTarget(),
        new NameGlobTarget(),
        new RawReplyTarget(),
        new TrustRuleTarget(),
        new MessageCodecTarget("rpc-proto", MessageCodec.Proto),
        new MessageCodecTarget("rpc-json", MessageCodec.Json),
        new SubmissionTarget(),
        new AnswerTarget(),
        new ConfigurationTarget(),
    ];
}
