using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Nix;
using Quorate.Nix.Nar;
using Xunit;

namespace Quorate.Tests.Nix.Nar;

public sealed class NarHasherTests
{
    static readonly StorePath s_self = StorePath.Parse("/nix/store/1x0cwv7ry24vrm9wli7d3dax605b2b3a-b");

    [Fact]
    public void Modulo_any_stream_is_what_replacing_everywhere_gives_however_it_is_cut() =>
        Prop.ForAll(
                Gen.Elements(s_self.HashPart, s_self.HashPart[..31], s_self.HashPart[1..], "x", "|", new string('a', 70_000))
                    .ListOf()
                    .Resize(8)
                    .ToArbitrary(),
                Gen.Choose(1, 100).ToArbitrary(),
                (pieces, cut) =>
                {
                    var text = string.Concat(pieces);
                    using var hasher = new NarHasher(s_self);
                    foreach (var piece in Encoding.ASCII.GetBytes(text).Chunk(text.Length > 1000 ? 997 * cut : cut))
                    {
                        hasher.Write(piece);
                    }
                    hasher.Complete();
                    var (masked, positions) = Masked(text);
                    return hasher.Hash == Digest(text)
                        && hasher.Size == (ulong)text.Length
                        && hasher.SelfReferences.SequenceEqual(positions)
                        && hasher.Modulo(SelfReferenceEra.WithoutPositions) == Digest(masked)
                        && hasher.Modulo(SelfReferenceEra.WithPositions) == Digest(masked + string.Concat(positions.Select(p => $"|{p}")));
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Scanner_any_stream_finds_what_searching_finds_however_it_is_cut()
    {
        string[] parts = [s_self.HashPart, "gy2z3n5w3nr0p2xgwnaah0dmkrkjlj7r", "ay2z3n5w3nr0p2xgwnaah0dmkrkjlj7r", new string('0', 32)];
        StorePath[] candidates = [.. parts.Select(part => StorePath.Parse($"/nix/store/{part}-x"))];
        Prop.ForAll(
                Gen.Elements([.. parts, parts[0][..20], parts[2][1..], "0", "a", "-", "\u00e9"]).ListOf().ToArbitrary(),
                Gen.Choose(1, 80).ToArbitrary(),
                (pieces, cut) =>
                {
                    var text = string.Concat(pieces);
                    var scanner = new ReferenceScanner(candidates);
                    foreach (var piece in Tree.Bytes(text).Chunk(cut))
                    {
                        scanner.Write(piece);
                    }
                    return scanner.Found.SequenceEqual(
                        candidates.Where(path => text.Contains(path.HashPart, StringComparison.Ordinal)).Order()
                    );
                }
            )
            .QuickCheckThrowOnFailure();
    }

    static (string Masked, List<ulong> Positions) Masked(string text)
    {
        var positions = new List<ulong>();
        int at;
        while ((at = text.IndexOf(s_self.HashPart, StringComparison.Ordinal)) >= 0)
        {
            positions.Add((ulong)at);
            text = text[..at] + new string('\0', 32) + text[(at + 32)..];
        }
        return (text, positions);
    }

    static Sha256Digest Digest(string text) => Sha256Digest.HashData(Encoding.ASCII.GetBytes(text));
}
