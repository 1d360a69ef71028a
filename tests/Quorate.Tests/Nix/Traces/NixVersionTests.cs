using Quorate.Nix.Store;
using Xunit;

namespace Quorate.Tests.Nix.Traces;

public sealed class NixVersionTests
{
    [Theory]
    [InlineData("nix-store (Nix) 2.34.8\n", "nix", "2.34.8")]
    [InlineData("nix-store (Nix) 2.8.0", "nix", "2.8.0")]
    [InlineData("nix-store (Lix, like Nix) 2.91.1\nSystem type: x86_64-linux\n", "lix", "2.91.1")]
    public void TryParse_of_what_programs_print_gives_both(string text, string flavor, string version)
    {
        Assert.True(NixVersion.TryParse(text, out var parsed));
        Assert.Equal(new NixVersion(flavor, version), parsed);
    }

    [Theory]
    [InlineData("")]
    [InlineData("nix-store 2.34.8")]
    [InlineData("nix-store () 2.34.8")]
    [InlineData("nix-store (Nix)")]
    [InlineData("nix-store (Nix) 2.34.8 extra")]
    public void TryParse_of_anything_else_is_refused(string text) => Assert.False(NixVersion.TryParse(text, out _));
}
