using Quorate.Core;
using Quorate.Core.Encodings;

namespace Quorate.Log.Auditing;

/// <summary>Which heads an audit took, so that a later one sees whether they are still the same.</summary>
/// <param name="Digest">SHA-256 of their records (docs/formats/tiles.md), one after the other.</param>
readonly record struct AuditedHeads(ulong Count, Sha256Digest Digest)
{
    internal static AuditedHeads None { get; } = new(0, Sha256Digest.HashData([]));

    /// <summary>Reads what <see cref="ToString"/> gives; of no heads, only <see cref="None"/>.</summary>
    internal static bool TryParse(ReadOnlySpan<char> text, out AuditedHeads heads)
    {
        heads = default;
        var space = text.IndexOf(' ');
        if (
            space < 0
            || !StrictDecimal.TryParse(text[..space], out var count)
            || !StrictBase64.TryDecode(text[(space + 1)..], Sha256Digest.Size, out var bytes)
            || !Sha256Digest.TryCreate(bytes, out var digest)
        )
        {
            return false;
        }
        heads = new AuditedHeads(count, digest);
        return count > 0 || heads == None;
    }

    public override string ToString() => $"{Count} {StrictBase64.Encode(Digest.AsSpan())}";
}
