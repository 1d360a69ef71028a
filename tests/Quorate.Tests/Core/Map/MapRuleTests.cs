using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Core.Map;
using Xunit;

namespace Quorate.Tests.Core.Map;

public sealed class MapRuleTests
{
    const string First = """{"Digest":"V2j3IB2z3M8+yMXsK+UQjEETlq2ME1HYkpT1FUVs3CM=","Index":0}""";
    const string Second = """{"Digest":"V2j3IB2z3M8+yMXsK+UQjEETlq2ME1HYkpT1FUVs3CM=","Index":7}""";

    static readonly Arbitrary<MapClaim[]> s_claims = (
        from count in Gen.Choose(1, MapRule.AllClaims.MaxClaims)
        from steps in Gen.Choose(1, 1000).ArrayOf(count)
        select Claims(steps)
    ).ToArbitrary();

    [Fact]
    public void Write_of_two_claims_gives_an_array_of_the_entries_that_Go_prints()
    {
        Assert.True(MapEntryJson.TryParse(Encoding.ASCII.GetBytes(First), out var digest, out _));
        Assert.Equal(
            $"[{First},{Second}]",
            Encoding.ASCII.GetString(MapRule.AllClaims.Write([new MapClaim(digest, 0), new MapClaim(digest, 7)]))
        );
        Assert.Equal(First, Encoding.ASCII.GetString(MapRule.FirstValue.Write([new MapClaim(digest, 0)])));
    }

    [Fact]
    public void TryParse_of_what_Write_gives_returns_the_claims() =>
        Prop.ForAll(
                s_claims,
                claims =>
                {
                    var value = MapRule.AllClaims.Write(claims);
                    return MapRule.AllClaims.TryParse(value, out var parsed)
                        && parsed.AsSpan().SequenceEqual(claims)
                        && value.Length <= MapRule.AllClaims.MaxLength
                        && MapRule.AllClaims.Hash(claims) == Sha256Digest.HashData(value)
                        && !MapRule.FirstValue.TryParse(value, out _);
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void TryParse_of_a_changed_value_is_refused_or_names_other_claims() =>
        Prop.ForAll(
                s_claims,
                Gen.Choose(0, int.MaxValue - 1).ToArbitrary(),
                Gen.Choose(0, 255).ToArbitrary(),
                (claims, at, value) =>
                {
                    var bytes = MapRule.AllClaims.Write(claims);
                    bytes[at % bytes.Length] = (byte)value;
                    return !MapRule.AllClaims.TryParse(bytes, out var parsed)
                        || MapRule.AllClaims.Write(parsed).AsSpan().SequenceEqual(bytes);
                }
            )
            .QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData(First)]
    [InlineData("[" + First)]
    [InlineData("[" + First + ",]")]
    [InlineData("[," + First + "]")]
    [InlineData("[" + First + " ]")]
    [InlineData("[" + First + "," + First + "]")]
    [InlineData("[" + Second + "," + First + "]")]
    [InlineData("[" + First + Second + "]")]
    [InlineData("[[" + First + "]]")]
    public void TryParse_of_anything_else_is_refused(string text) =>
        Assert.False(MapRule.AllClaims.TryParse(Encoding.UTF8.GetBytes(text), out _));

    [Fact]
    public void More_claims_than_count_are_neither_written_nor_read()
    {
        var most = Claims([.. Enumerable.Repeat(1, MapRule.AllClaims.MaxClaims)]);
        var text = Encoding.ASCII.GetString(MapRule.AllClaims.Write(most));
        Assert.Throws<ArgumentException>(() => MapRule.AllClaims.Write([.. most, new MapClaim(default, 999_999)]));
        Assert.Throws<ArgumentException>(() => MapRule.AllClaims.Write([]));
        Assert.Throws<ArgumentException>(() => MapRule.AllClaims.Write([most[1], most[0]]));
        Assert.False(
            MapRule.AllClaims.TryParse(
                Encoding.ASCII.GetBytes($"{text[..^1]},{Second.Replace(":7", ":999999", StringComparison.Ordinal)}]"),
                out _
            )
        );
    }

    [Fact]
    public void Protocols_have_the_rules_and_UUIDs_that_are_written_down()
    {
        Assert.Equal(
            [
                ("nix", "5138a791-8d00-4182-96bc-f1f2688cdde2", MapRule.FirstValue),
                ("nix-trace", "a33a032d-66e1-4a5d-9749-5e0e8289c8bf", MapRule.AllClaims),
                ("test", "cddab738-75cf-4685-94e2-4df58a0f51e7", MapRule.FirstValue),
            ],
            Protocol.Known.Select(p => (p.Name, p.Id, p.MapRule))
        );
    }

    static MapClaim[] Claims(int[] steps)
    {
        var index = 0UL;
        return [.. steps.Select(step => new MapClaim(Sha256Digest.HashData(BitConverter.GetBytes(step)), index += (ulong)step))];
    }
}
