using FsCheck;
using FsCheck.Fluent;
using Quorate.Log.Tiles;
using Xunit;

namespace Quorate.Tests.Log.Tiles;

public sealed class TileNumberTests
{
    [Theory]
    [InlineData(0, 256, "000")]
    [InlineData(999, 256, "999")]
    [InlineData(1000, 256, "x001/000")]
    [InlineData(1234067, 256, "x001/x234/067")]
    [InlineData(1000000000, 256, "x001/x000/x000/000")]
    [InlineData(273, 112, "273.p/112")]
    [InlineData(1001, 1, "x001/001.p/1")]
    public void ToString_is_the_path_of_the_specification(ulong index, int width, string path)
    {
        Assert.Equal(path, new TileNumber(index, width).ToString());
        Assert.True(TileNumber.TryParse(path, out var parsed));
        Assert.Equal(new TileNumber(index, width), parsed);
    }

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("0000")]
    [InlineData("x000/001")]
    [InlineData("x001")]
    [InlineData("x001/")]
    [InlineData("001/000")]
    [InlineData("x001/x000")]
    [InlineData("x001x000")]
    [InlineData("000.p/0")]
    [InlineData("000.p/256")]
    [InlineData("000.p/01")]
    [InlineData("000.p/")]
    [InlineData("000.p/ff")]
    [InlineData("000.p")]
    [InlineData("000/")]
    [InlineData("00a")]
    [InlineData("x036/x028/x797/x018/x963/968")]
    [InlineData("x001/x000/x000/x000/x000/x000/000")]
    public void TryParse_of_any_other_spelling_is_refused(string path) => Assert.False(TileNumber.TryParse(path, out _));

    [Fact]
    public void TryParse_of_the_last_index_is_accepted()
    {
        Assert.True(TileNumber.TryParse("x036/x028/x797/x018/x963/967", out var number));
        Assert.Equal(TileNumber.MaxIndex, number.Index);
    }

    [Fact]
    public void ToString_of_any_number_is_read_back() =>
        Prop.ForAll<ulong, byte>(
                (index, width) =>
                {
                    var number = new TileNumber(index % (TileNumber.MaxIndex + 1), width + 1);
                    return TileNumber.TryParse(number.ToString(), out var parsed) && parsed == number;
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void At_gives_the_tiles_of_the_specification_example()
    {
        Assert.Equal(new TileNumber(273, 112), TileLayout.At(0, 273, 70_000));
        Assert.Equal(new TileNumber(1, 17), TileLayout.At(1, 1, 70_000));
        Assert.Equal(new TileNumber(0, 1), TileLayout.At(2, 0, 70_000));
        Assert.Equal(0, TileLayout.At(0, 274, 70_000).Width);
        Assert.Equal(3, TileLayout.Levels(70_000));
        Assert.Equal([274UL, 2, 1, 0], Enumerable.Range(0, 4).Select(l => TileLayout.Tiles(l, 70_000)));
        Assert.Equal(2, TileLayout.Levels(256));
        Assert.Equal(0, TileLayout.Levels(0));
    }
}
