namespace Quorate.Nix.Derivations;

/// <summary>How the paths of a derivation's outputs come about. All outputs of one derivation are of one kind.</summary>
public enum DerivationKind
{
    /// <summary>Paths are computed from the derivation before it is built.</summary>
    InputAddressed,

    /// <summary>One output, <c>out</c>, whose content hash is stated.</summary>
    FixedOutput,

    /// <summary>Content-addressed; the path is known when it was built.</summary>
    Floating,

    /// <summary>Input-addressed, but some input is floating: the paths are known after resolution.</summary>
    Deferred,

    /// <summary>Content-addressed, built anew every time; never reproducible evidence.</summary>
    Impure,
}
