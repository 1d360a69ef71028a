using Quorate.EndToEnd.NixBuilds;
using Quorate.EndToEnd.Programs;

namespace Quorate.EndToEnd.NixTraces;

/// <summary>
/// Scenario S4: a cache serves a statement that nobody signed. Nix up to 2.35 asks for signatures on realisations nowhere when it substitutes
/// them (NixOS/nix#11393), so that the attacker chooses what gets installed.
/// </summary>
public sealed class ForgedRealisationTests
{
    [Theory]
    [InlineData("installed", "2.")]
    [InlineData("trixie", "2.26")]
    [InlineData("sid", "2.")]
    public async Task Plain_nix_installs_what_an_unsigned_realisation_names(string suite, string version)
    {
        var nix = await NixInstallation.FindAsync(suite, version);
        using var folder = new TemporaryFolder();
        var lab = new TraceLab(nix, folder);
        var cache = await ForgedCache.MakeAsync(lab, lab.Builder("builder"));

        var (installed, _) = await lab.BuildAsync(lab.Consumer("victim", cache.Url), "c");

        if (nix.ChecksRealisationSignatures)
        {
            // This Nix needs no gate for that.
            Assert.NotEqual(cache.Evil, installed);
            TestContext.Current.SendDiagnosticMessage($"Nix {nix.Version} refuses the forgery itself");
            return;
        }
        Assert.Equal(cache.Evil, installed);
    }
}
