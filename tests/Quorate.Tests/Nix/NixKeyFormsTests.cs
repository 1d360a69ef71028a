using FsCheck;
using FsCheck.Fluent;
using Quorate.Core.Encodings;
using Quorate.Nix;
using Xunit;

namespace Quorate.Tests.Nix;

public sealed class NixKeyFormsTests
{
    [Fact]
    public void LegacyKey_known_hash_part_gives_known_bytes() =>
        Assert.Equal("e27de3ecc18dd65cf4d1197f80d76c1470eadf41", Hex.Encode(NixKeyForms.LegacyKey("w9yy7v61ipb5rx6i35zq1mvc2iqfmps1")));

    [Fact]
    public void TryHashPart_reads_every_legacy_key_back()
    {
        var keys = Gen.Choose(0, 255).Select(b => (byte)b).ArrayOf(20);
        Prop.ForAll(
                keys.ToArbitrary(),
                key => NixKeyForms.TryHashPart(key, out var hashPart) && NixKeyForms.LegacyKey(hashPart).SequenceEqual(key)
            )
            .QuickCheckThrowOnFailure();
    }

    [Fact]
    public void TryPath_legacy_key_is_not_a_path() => Assert.False(NixKeyForms.TryPath(new byte[20], out _));

    [Fact]
    public void TryPath_reads_a_full_key_back()
    {
        var path = StorePath.Parse(NixSamples.TopPath);
        Assert.True(NixKeyForms.TryPath(NixKeyForms.FullKey(path), out var parsed));
        Assert.Equal(path, parsed);
    }
}
