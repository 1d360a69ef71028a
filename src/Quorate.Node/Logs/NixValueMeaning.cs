using System.Text;
using Quorate.Core;
using Quorate.Log;
using Quorate.Nix;

namespace Quorate.Node.Logs;

/// <summary>Claims about store paths mean the same when their canonical print is the same, whatever spelling of the NAR hash was submitted.</summary>
sealed class NixValueMeaning : IValueMeaning
{
    public static NixValueMeaning Instance { get; } = new();

    public Sha256Digest? MeaningOf(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) =>
        NixClaim.TryParse(value, out var claim, out _) && key.SequenceEqual(Encoding.ASCII.GetBytes(claim.Path.ToString()))
            ? Sha256Digest.HashData(claim.ToBytes())
            : null;
}
