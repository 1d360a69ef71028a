using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Core.Map;
using Xunit;

namespace Quorate.Tests.Core.Map;

public sealed class MapEntryJsonTests
{
    const string Known = """{"Digest":"V2j3IB2z3M8+yMXsK+UQjEETlq2ME1HYkpT1FUVs3CM=","Index":0}""";

    [Fact]
    public void Write_of_known_entry_gives_the_bytes_that_Go_prints()
    {
        Assert.True(Sha256Digest.TryParseHex("5768f7201db3dccf3ec8c5ec2be5108c411396ad8c1351d89294f515456cdc23", out var digest));
        Assert.Equal(Known, Encoding.ASCII.GetString(MapEntryJson.Write(digest, 0)));
    }

    [Fact]
    public void TryParse_of_what_Write_gives_returns_the_entry() =>
        Prop.ForAll<byte[], ulong>(
                (seed, index) =>
                {
                    var digest = Sha256Digest.HashData(seed);
                    return MapEntryJson.TryParse(MapEntryJson.Write(digest, index), out var parsed, out var parsedIndex)
                        && parsed == digest
                        && parsedIndex == index;
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Write_of_the_largest_index_fits_the_maximum() =>
        Assert.Equal(MapEntryJson.MaxLength, MapEntryJson.Write(Sha256Digest.Zero, ulong.MaxValue).Length);

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData(Known + " ")]
    [InlineData(" " + Known)]
    [InlineData("""{"Digest":"V2j3IB2z3M8+yMXsK+UQjEETlq2ME1HYkpT1FUVs3CM=","Index":00}""")]
    [InlineData("""{"Digest":"V2j3IB2z3M8+yMXsK+UQjEETlq2ME1HYkpT1FUVs3CM=","Index":+0}""")]
    [InlineData("""{"Digest":"V2j3IB2z3M8+yMXsK+UQjEETlq2ME1HYkpT1FUVs3CM=","Index":-1}""")]
    [InlineData("""{"Digest":"V2j3IB2z3M8+yMXsK+UQjEETlq2ME1HYkpT1FUVs3CM=","Index":1e3}""")]
    [InlineData("""{"Digest":"V2j3IB2z3M8+yMXsK+UQjEETlq2ME1HYkpT1FUVs3CM=","Index":}""")]
    [InlineData("""{"Digest":"V2j3IB2z3M8+yMXsK+UQjEETlq2ME1HYkpT1FUVs3CM=","Index":18446744073709551616}""")]
    [InlineData("""{"Digest":"V2j3IB2z3M8+yMXsK+UQjEETlq2ME1HYkpT1FUVs3CN=","Index":0}""")]
    [InlineData("""{"Digest":"V2j3IB2z3M8+yMXsK+UQjEETlq2ME1HYkpT1FUVs3C=","Index":0}""")]
    [InlineData("""{"Digest": "V2j3IB2z3M8+yMXsK+UQjEETlq2ME1HYkpT1FUVs3CM=","Index":0}""")]
    [InlineData("""{"Index":0,"Digest":"V2j3IB2z3M8+yMXsK+UQjEETlq2ME1HYkpT1FUVs3CM="}""")]
    [InlineData("""{"digest":"V2j3IB2z3M8+yMXsK+UQjEETlq2ME1HYkpT1FUVs3CM=","index":0}""")]
    public void TryParse_of_anything_else_is_refused(string text) =>
        Assert.False(MapEntryJson.TryParse(Encoding.UTF8.GetBytes(text), out _, out _));
}
