using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Log.Tiles;
using Quorate.Tests.Crypto.Notes;
using Xunit;

namespace Quorate.Tests.Log.Tiles;

public sealed class CheckpointTests
{
    const string Root = "pipUvjMpT/1aXExjf9dUYwtxqJLoNW46Zmpcin/9FRg=";

    [Fact]
    public void Parse_of_the_golden_text_gives_its_three_parts()
    {
        var checkpoint = Checkpoint.Parse(GoldenNote.Text);
        Assert.Equal(("example.com/golden", 70_000UL), (checkpoint.Origin, checkpoint.Size));
        Assert.Equal(Root, Convert.ToBase64String(checkpoint.Root.AsSpan()));
    }

    [Theory]
    [InlineData("o\n1\n" + Root)]
    [InlineData("o\n01\n" + Root + "\n")]
    [InlineData("o\n+1\n" + Root + "\n")]
    [InlineData("o\n\n" + Root + "\n")]
    [InlineData("\n1\n" + Root + "\n")]
    [InlineData("o\n1\n" + Root + "\n\n")]
    [InlineData("o\n1\n" + Root + " \n")]
    [InlineData("o\n1\npipUvjMpT/1aXExjf9dUYwtxqJLoNW46Zmpcin/9FQ==\n")]
    [InlineData("o\n1\n")]
    [InlineData("o\n9223372036854775808\n" + Root + "\n")]
    [InlineData("o\n0\n" + Root + "\n")]
    [InlineData("o\n1\n" + Root + "\nx\ty\n")]
    public void TryParse_of_a_malformed_text_is_refused(string text) =>
        Assert.False(Checkpoint.TryParse(Encoding.UTF8.GetBytes(text), out _, out _));

    [Fact]
    public void ToText_keeps_extension_lines()
    {
        var text = Encoding.UTF8.GetBytes($"o p\n{long.MaxValue}\n{Root}\nextension\n");
        Assert.Equal(text, Checkpoint.Parse(text).ToText());
    }

    [Fact]
    public void ToText_of_any_checkpoint_is_read_back() =>
        Prop.ForAll<uint, byte[]>(
                (size, seed) =>
                {
                    var checkpoint = new Checkpoint("example.com/log", size + 1UL, Sha256Digest.HashData(seed));
                    return Checkpoint.Parse(checkpoint.ToText()).Equals(checkpoint);
                }
            )
            .QuickCheckThrowOnFailure();
}
