namespace Quorate.Nix.Traces;

/// <summary>The fixed texts of laut's formats.</summary>
static class TraceStatementNames
{
    public const string BundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";
    public const string OlderBundleType = "application/vnd.dev.sigstore.bundle+json;version=0.3";
    public const string PayloadType = "application/vnd.in-toto+json";
    public const string StatementType = "https://in-toto.io/Statement/v1";
    public const string PredicateType = "https://slsa.dev/provenance/v1";
    public const string ContentAddressedBuild = "https://github.com/mschwaig/laut/blob/main/docs/slsa-provenance-v1.md#ca";
    public const string SyntheticBuild = "https://github.com/mschwaig/laut/blob/main/docs/slsa-provenance-v1.md#synthetic-ia";
    public const string BuilderPrefix = "urn:laut:builder:sha256:";

    public const string InputScheme = "aterm";
    public const string PathScheme = "nix-ca-store-path";
    public const string NarScheme = "nix-nar-sha256";
    public const string CastoreScheme = "snix-castore-entry";
    public const string OutputAnnotation = "laut_output";
    public const string DebugByproduct = "laut-debug-preimage";

    public const string BuiltField = "quorate_built";
    public const string SoftwareName = "builder-software";
    public const string AttestationByproduct = "quorate-attestation";
    public const string MetadataByproduct = "quorate-metadata";
}
