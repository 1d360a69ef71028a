namespace Quorate.Nix.Traces;

/// <summary>How a builder's claims are written, about which builds, and what they say besides the mapping from input to outputs. Immutable.</summary>
public sealed record ClaimForm
{
    public static ClaimForm Default { get; } = new();

    public TraceFormat Format { get; init; } = TraceFormat.Bundle;

    /// <summary>Input-addressed builds are signed too, by their content-addressed view.</summary>
    public bool InputAddressed { get; init; }

    /// <summary>This machine executed the builds.</summary>
    public bool Built { get; init; } = true;

    /// <summary>The inputs are listed although the resolved input hash covers them, for readers who do not have the derivation.</summary>
    public bool WithDependencies { get; init; }

    /// <summary>The resolved derivation's text is in the claim, for whoever looks for the reason of a difference.</summary>
    public bool WithPreimage { get; init; }

    /// <summary>Reference to the builder's own software.</summary>
    public TraceResource? Software { get; init; }

    /// <summary>Further metadata, pinned by digest and kept elsewhere.</summary>
    public IReadOnlyList<TraceResource> Metadata { get; init; } = [];

    /// <summary>The format in which views are signed; null where input-addressed builds are skipped.</summary>
    public TraceFormat? ViewFormat => InputAddressed ? Format : null;

    /// <summary>Why no claim can be written so, as a sentence; null when it can.</summary>
    public string? Contradiction =>
        InputAddressed && Format == TraceFormat.Jws2 ? "format jws2 cannot say that a build was input-addressed; use bundle or jws3"
        : Format != TraceFormat.Bundle && (!Built || WithDependencies || Software is not null || Metadata.Count > 0)
            ? "a JWS has no place for whether it was built here, for dependencies, builder software or metadata: use format bundle"
        : null;
}
