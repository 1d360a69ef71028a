namespace Quorate.Nix.Traces;

/// <summary>Why an element of a trace object was left out. Each concerns that element alone, never the others of its object.</summary>
public enum TraceFault
{
    /// <summary>Not a JWS or a bundle of the profile: its syntax, its fields, or their types.</summary>
    Malformed,

    /// <summary>Longer than <see cref="TraceObject.MaxElementBytes"/>.</summary>
    TooLarge,

    /// <summary>It names no key that was asked for.</summary>
    UnknownSigner,

    /// <summary>The signature is not that of the key that it names.</summary>
    BadSignature,

    /// <summary>Signed, but about another resolved derivation than the one asked for.</summary>
    OtherInput,

    /// <summary>Signed, but about a build of the other regime.</summary>
    OtherRegime,

    /// <summary>Signed with critical features, all of which are unknown here.</summary>
    CriticalFeature,

    /// <summary>Signed, but an output is none of the derivation's.</summary>
    UnknownOutput,

    /// <summary>Signed, but an output's path or hash cannot be that output's.</summary>
    UnusableOutput,

    /// <summary>Signed by Nix with a builder's key, about a derivation whose inputs are not resolved. Only legacy keys may.</summary>
    UnresolvedInput,

    /// <summary>Signed by Nix under an identifier that does not tell the derivation asked for from others.</summary>
    AmbiguousIdentifier,

    /// <summary>Signed by Nix with a builder's key, but not for every output: which outputs belong together, nobody said.</summary>
    IncompleteOutputs,

    /// <summary>Sound, but a log's proof is required and it carries none.</summary>
    NotLogged,

    /// <summary>Sound, but a log's proof is required and none that it carries is good.</summary>
    BadLogProof,
}

/// <summary>Why one element was left out, with a sentence for people.</summary>
public sealed record TraceRefusal(TraceFault Fault, string Detail);
