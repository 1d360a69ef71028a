using FsCheck;
using FsCheck.Fluent;
using Quorate.Nix;
using Xunit;

namespace Quorate.Tests.Nix;

public sealed class StorePathTests
{
    const string Hash = "w3zngkrag7vnm7v1q8vnqb71q6a1w8gn";

    [Fact]
    public void TryParse_valid_path_gives_its_parts()
    {
        Assert.True(StorePath.TryParse($"/nix/store/{Hash}-libidn2-2.3.2", out var path));
        Assert.Equal(("/nix/store", Hash, "libidn2-2.3.2"), (path.StoreDir, path.HashPart, path.Name));
        Assert.Equal($"/nix/store/{Hash}-libidn2-2.3.2", path.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("/nix/store")]
    [InlineData("/nix/store/")]
    [InlineData("w3zngkrag7vnm7v1q8vnqb71q6a1w8gn-x")]
    [InlineData("/w3zngkrag7vnm7v1q8vnqb71q6a1w8gn-x")]
    [InlineData("nix/store/w3zngkrag7vnm7v1q8vnqb71q6a1w8gn-x")]
    [InlineData("/nix/store/w3zngkrag7vnm7v1q8vnqb71q6a1w8gn")]
    [InlineData("/nix/store/w3zngkrag7vnm7v1q8vnqb71q6a1w8gn-")]
    [InlineData("/nix/store/w3zngkrag7vnm7v1q8vnqb71q6a1w8g-x")]
    [InlineData("/nix/store/e3zngkrag7vnm7v1q8vnqb71q6a1w8gn-x")]
    [InlineData("/nix/store/W3zngkrag7vnm7v1q8vnqb71q6a1w8gn-x")]
    [InlineData("/nix/store/w3zngkrag7vnm7v1q8vnqb71q6a1w8gn-x/bin/sh")]
    [InlineData("/nix/store/w3zngkrag7vnm7v1q8vnqb71q6a1w8gn-x\n")]
    [InlineData("/nix/store/w3zngkrag7vnm7v1q8vnqb71q6a1w8gn-.")]
    [InlineData("/nix/store/w3zngkrag7vnm7v1q8vnqb71q6a1w8gn-..")]
    [InlineData("/nix/store/w3zngkrag7vnm7v1q8vnqb71q6a1w8gn-.-x")]
    [InlineData("/nix/store/w3zngkrag7vnm7v1q8vnqb71q6a1w8gn-..-x")]
    [InlineData("/nix/store/w3zngkrag7vnm7v1q8vnqb71q6a1w8gn-a b")]
    [InlineData("/nix/store/w3zngkrag7vnm7v1q8vnqb71q6a1w8gn-ä")]
    [InlineData("/nix//store/w3zngkrag7vnm7v1q8vnqb71q6a1w8gn-x")]
    [InlineData("/nix/../w3zngkrag7vnm7v1q8vnqb71q6a1w8gn-x")]
    [InlineData("/nix/sto re/w3zngkrag7vnm7v1q8vnqb71q6a1w8gn-x")]
    [InlineData("/nix/st,ore/w3zngkrag7vnm7v1q8vnqb71q6a1w8gn-x")]
    public void TryParse_invalid_path_is_refused(string text) => Assert.False(StorePath.TryParse(text, out _));

    [Theory]
    [InlineData(211, true)]
    [InlineData(212, false)]
    public void TryParse_name_has_a_longest_length(int length, bool valid) =>
        Assert.Equal(valid, StorePath.TryParse($"/nix/store/{Hash}-{new string('a', length)}", out _));

    [Theory]
    [InlineData(".hidden")]
    [InlineData("...")]
    [InlineData("a+b-c._?=")]
    public void IsName_unusual_but_legal_names_are_accepted(string name) => Assert.True(StorePath.IsName(name));

    [Theory]
    [InlineData("/nix/stor")]
    [InlineData("/nix/store2")]
    [InlineData("/nix")]
    public void TryParse_in_another_store_directory_is_refused(string storeDir) =>
        Assert.False(StorePath.TryParse($"/nix/store/{Hash}-x", storeDir, out _));

    [Fact]
    public void CompareTo_orders_by_base_name_bytewise()
    {
        string[] names = ["B", "a", "A.b", "A-b"];
        var sorted = names.Select(name => StorePath.Parse($"/nix/store/{Hash}-{name}")).Order().Select(path => path.Name);
        Assert.Equal(["A-b", "A.b", "B", "a"], sorted);
    }

    [Fact]
    public void TryParse_any_text_never_throws_and_what_it_accepts_prints_the_same()
    {
        var pieces = Gen.Elements("/", "/nix/store", Hash, "-", "x", ".", "..", "\0", "é", new string('a', 200));
        var texts = Gen.ListOf(pieces).Select(list => string.Concat(list));
        Prop.ForAll(texts.ToArbitrary(), text => !StorePath.TryParse(text, out var path) || path.ToString() == text)
            .QuickCheckThrowOnFailure();
    }
}
