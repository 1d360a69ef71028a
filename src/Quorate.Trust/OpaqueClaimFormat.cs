using Quorate.Core;

namespace Quorate.Trust;

/// <summary>Protocols whose values mean nothing but themselves (<c>test</c>): one output, identified by the value's digest.</summary>
public sealed class OpaqueClaimFormat : IClaimFormat
{
    public const string OutputName = "out";

    public bool TryParse(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, out OutputMap? outputs, out string error)
    {
        outputs = OutputMap.Single(OutputName, new Output(Sha256Digest.HashData(value.Span)));
        error = "";
        return true;
    }
}
