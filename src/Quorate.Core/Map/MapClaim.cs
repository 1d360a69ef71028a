namespace Quorate.Core.Map;

/// <summary>One entry of a key as the map names it: what was said, and where the log has it.</summary>
public readonly record struct MapClaim(Sha256Digest Digest, ulong Index);
