namespace Quorate.Nix.Derivations;

/// <summary>One variable of a derivation's environment: any bytes, not necessarily UTF-8.</summary>
public readonly record struct EnvironmentVariable(ReadOnlyMemory<byte> Name, ReadOnlyMemory<byte> Value);
