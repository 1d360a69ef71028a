namespace Quorate.Rpc.Codecs;

/// <summary>What a foreign message may cost before it is parsed.</summary>
/// <param name="MaxBytes">Length after decompression.</param>
/// <param name="MaxElements">Fields at the message's top level, repeated ones counted each time: the number of objects that parsing creates.</param>
public readonly record struct MessageLimits(int MaxBytes, int MaxElements);
