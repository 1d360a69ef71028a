namespace Quorate.Nix.Traces;

/// <summary>A thing that a claim points to, by digests, by address, or both (in-toto's ResourceDescriptor).</summary>
/// <param name="Digests">Scheme → value; the schemes say what they mean.</param>
public sealed record TraceResource(string? Name, string? Uri, IReadOnlyDictionary<string, string> Digests);

/// <summary>Bytes that travel inside the claim: an attestation report, a debugging preimage.</summary>
public sealed record TraceByproduct(string Name, string? MediaType, ReadOnlyMemory<byte> Content);

/// <summary>
/// What a claim says beyond the mapping from input to outputs: the builder's circumstances. All of it is the signer's word. Where each field
/// stands in either format is in docs/formats/nix-traces.md.
/// </summary>
/// <param name="AttemptId">The invocation id of a bundle, or the rebuild id of a JWS.</param>
/// <param name="Versions">Component → version; <c>nixFlavor</c> and <c>nixVersion</c> are the ones that both formats have.</param>
/// <param name="Dependencies">What the build was resolved to. Empty when the resolved input hash says it all.</param>
/// <param name="Software">Reference to the builder's own software, where it says one.</param>
/// <param name="Attestation">Remote attestation of the signing key and the builder's state; null until a builder has one.</param>
/// <param name="Metadata">Further metadata that is kept elsewhere, pinned by digest, so that it can be detached.</param>
public sealed record TraceProvenance(
    string? AttemptId,
    IReadOnlyDictionary<string, string> Versions,
    IReadOnlyList<TraceResource> Dependencies,
    TraceResource? Software,
    TraceByproduct? Attestation,
    IReadOnlyList<TraceResource> Metadata
)
{
    public const string FlavorComponent = "nixFlavor";
    public const string VersionComponent = "nixVersion";

    public static TraceProvenance None { get; } = new(null, new Dictionary<string, string>(StringComparer.Ordinal), [], null, null, []);

    /// <summary>Most resources of one list.</summary>
    internal const int MaxResources = 10_000;

    /// <summary>
    /// Reads the provenance out of evidence that was verified before. It is read only when somebody asks, because most decisions never do.
    /// Fields that are there but cannot be read are left out: nothing is decided by their absence.
    /// </summary>
    public static TraceProvenance Read(TraceEvidence evidence) => ProvenanceReader.Read(evidence);
}
