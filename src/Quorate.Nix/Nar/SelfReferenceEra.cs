namespace Quorate.Nix.Nar;

/// <summary>
/// How Nix hashes an object that refers to itself. Its own hash part is read as 32 zero bytes wherever it occurs; the versions differ in whether
/// the places are hashed too, so one content has two possible paths.
/// </summary>
public enum SelfReferenceEra
{
    /// <summary>Nix up to 2.16, and from 2.35 on: after the data, <c>|</c> and the decimal offset of each occurrence, ascending.</summary>
    WithPositions,

    /// <summary>Nix 2.17 to 2.34, by mistake: objects that differ only in where they refer to themselves collide.</summary>
    WithoutPositions,
}
