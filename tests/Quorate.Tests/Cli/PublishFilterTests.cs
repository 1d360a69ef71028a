using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Nix.Publishing;
using Xunit;

namespace Quorate.Tests.Cli;

public sealed class PublishFilterTests
{
    const string Path = "/nix/store/2ssxwm92ixmz5wdc4m5hrxbx8hgmn4q5-hello-2.12";
    const string Other = "/nix/store/3ssxwm92ixmz5wdc4m5hrxbx8hgmn4q5-internal-lib";
    const string Deriver = "/nix/store/ih3wpzyvc2fxr05f6lcpm42cr1y2dawk-hello-2.12.drv";

    static string Rule(PublishFilter filter, string? deriver = Deriver, params string[] references) =>
        filter.Judge(Path, deriver, references) is PublishVerdict.Withheld held ? held.Rule : "published";

    [Fact]
    public void Judge_without_rules_publishes() => Assert.Equal("published", Rule(PublishFilter.Open));

    [Fact]
    public void Judge_allow_that_does_not_match_withholds() => Assert.Equal("allow", Rule(new(["glibc-*"], [], [], [])));

    [Fact]
    public void Judge_deny_wins_over_allow() => Assert.Equal("deny: hello*", Rule(new(["*"], ["hello*"], [], [])));

    [Theory]
    [InlineData("hello-2.12")]
    [InlineData("hello-2.12.drv")]
    [InlineData("hello*")]
    public void Judge_deny_deriver_matches_with_and_without_drv(string glob) =>
        Assert.Equal($"deny_deriver: {glob}", Rule(new([], [], [glob], [])));

    [Fact]
    public void Judge_deny_references_withholds_what_mentions_a_name() =>
        Assert.Equal("deny_references: internal-*", Rule(new([], [], [], ["internal-*"]), Deriver, Path, Other));

    [Fact]
    public void Judge_deny_references_withholds_the_name_itself() =>
        Assert.Equal("deny_references: hello-*", Rule(new([], [], [], ["hello-*"])));

    [Fact]
    public void Judge_of_something_else_than_a_store_path_withholds() =>
        Assert.False(PublishFilter.Open.Judge("/etc/passwd", null, []).MayPublish);

    [Theory]
    [InlineData("")]
    [InlineData("/nix/store/*-x")]
    [InlineData("[a-z]")]
    public void Parse_of_a_glob_that_can_never_match_is_an_error(string glob) => Assert.Throws<FormatException>(() => NameGlob.Parse(glob));

    [Theory]
    [InlineData("a*b*c", "aXbYc", true)]
    [InlineData("a*b*c", "aXcYb", false)]
    [InlineData("*", "", true)]
    [InlineData("?", "", false)]
    [InlineData("**a", "ba", true)]
    [InlineData("a.c", "abc", false)]
    public void IsMatch_reads_stars_and_question_marks(string glob, string name, bool expected) =>
        Assert.Equal(expected, NameGlob.Parse(glob).IsMatch(name));

    [Fact]
    public void IsMatch_of_a_pattern_that_makes_backtracking_explode_ends() =>
        Assert.False(NameGlob.Parse(string.Concat(Enumerable.Repeat("a*", 250)) + "b").IsMatch(new string('a', 211)));

    [Fact]
    public void IsMatch_agrees_with_a_regular_expression()
    {
        var letters = Gen.Elements('a', 'b', '*', '?').ArrayOf().Where(a => a.Length is > 0 and < 8);
        var names = Gen.Elements('a', 'b').ArrayOf().Where(a => a.Length < 10);
        Prop.ForAll(
                letters.Zip(names).ToArbitrary(),
                pair =>
                {
                    var (pattern, name) = (new string(pair.Item1), new string(pair.Item2));
                    var regex = "^" + Regex.Escape(pattern).Replace("\\*", ".*").Replace("\\?", ".") + "$";
                    return NameGlob.Parse(pattern).IsMatch(name) == Regex.IsMatch(name, regex);
                }
            )
            .QuickCheckThrowOnFailure();
    }
}
