using Quorate.Cli.Rendering;
using Xunit;

namespace Quorate.Tests.Cli;

public sealed class OutlineTests
{
    [Fact]
    public void WriteTo_draws_what_is_below_what()
    {
        var root = new Outline("root");
        var first = root.Add("first");
        first.Add("a\nb").Add("deep");
        first.Add("c");
        root.Add("last").Add("d");
        Assert.Equal(
            """
            root
            ├── first
            │   ├── a
            │   │   b
            │   │   └── deep
            │   └── c
            └── last
                └── d

            """,
            Written(root, colours: false)
        );
    }

    [Fact]
    public void WriteTo_foreign_control_characters_are_not_printed() =>
        Assert.Equal("a?[31mb?\n", Written(new Outline("a\u001b[31mb\r"), colours: true));

    [Theory]
    [InlineData(nameof(Tone.Plain), "x\n")]
    [InlineData(nameof(Tone.Good), "\u001b[32mx\u001b[0m\n")]
    [InlineData(nameof(Tone.Doubtful), "\u001b[33mx\u001b[0m\n")]
    [InlineData(nameof(Tone.Bad), "\u001b[31mx\u001b[0m\n")]
    public void WriteTo_a_terminal_has_colours(string tone, string written)
    {
        var outline = new Outline("x", Enum.Parse<Tone>(tone));
        Assert.Equal(written, Written(outline, colours: true));
        Assert.Equal("x\n", Written(outline, colours: false));
    }

    static string Written(Outline outline, bool colours)
    {
        var writer = new StringWriter { NewLine = "\n" };
        outline.WriteTo(writer, colours);
        return writer.ToString();
    }
}
