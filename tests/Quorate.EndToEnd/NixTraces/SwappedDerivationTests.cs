using System.Net;
using System.Text;
using Quorate.Crypto.Keys;
using Quorate.EndToEnd.NixBuilds;
using Quorate.EndToEnd.Programs;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Realisations;

namespace Quorate.EndToEnd.NixTraces;

/// <summary>
/// Honest builders were given a derivation that nobody evaluated: that of the victim, with its outputs exchanged for the builder. Nix up to 2.34 asks for both by one hash.
/// </summary>
public sealed class SwappedDerivationTests
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("trixie", "2.26", false)]
    [InlineData("trixie", "2.26", true)]
    [InlineData("sid", "2.", false)]
    [InlineData("sid", "2.", true)]
    public async Task Gate_answers_for_it_by_its_path_and_not_for_the_honest_one(string suite, string version, bool withGraph)
    {
        var nix = await NixInstallation.FindAsync(suite, version);
        using var folder = new TemporaryFolder();
        var lab = new TraceLab(nix, folder);
        ResolvedDerivation? swapped = null;
        var keys = new List<NixCachePublicKey>();
        foreach (var name in new[] { "amy", "ben" })
        {
            keys.Add(lab.NewKey(name));
            var store = lab.Builder(name);
            swapped = await SwapAsync(lab, store);
            var built = (await nix.RunAsync(store, "nix-store", "--realise", swapped.Path.ToString())).MustSucceed().Output;
            await lab.SignAsync(store, swapped.Path.ToString(), string.Join(' ', built.Split('\n', StringSplitOptions.RemoveEmptyEntries)));
            await lab.CopyDerivationAsync(store, swapped.Path.ToString(), folder["cache"], store.Root + ".secret");
        }
        await lab.TrustAsync("2 of (amy, ben)", keys);
        string[] graph = withGraph ? [$"drvs: {folder["amy"]}/nix/store"] : [];
        await using var gate = await GateProcess.StartAsync(
            folder,
            "file://" + folder["cache"],
            [$"trust: {lab.TrustFile}", $"sources: [\"{lab.Traces}\"]", .. graph]
        );
        var victim = lab.Consumer("victim", gate.Url, gate.PublicKey);
        var (installed, messages) = await lab.BuildAsync(victim, "a");

        Assert.Equal("a 0\n", await TraceLab.ContentAsync(victim, installed));
        Assert.Contains("building '", messages, StringComparison.Ordinal);
        Assert.DoesNotContain("copying path", messages, StringComparison.Ordinal);
        // What both builders say is believed, of what they built.
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(gate, new BuildTraceKey(swapped!.Path, "out").CachePath));
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(gate, DrvOutputId.Of(swapped, "out").CachePath));
    }

    static async Task<HttpStatusCode> StatusAsync(GateProcess gate, string path)
    {
        using var http = new HttpClient();
        using var response = await http.GetAsync($"{gate.Url}/{path}", Cancellation);
        return response.StatusCode;
    }

    /// <summary>Writes the swapped derivation into a store. No one but the evaluator checks what a derivation says of its outputs.</summary>
    static async Task<ResolvedDerivation> SwapAsync(TraceLab lab, NixStore store)
    {
        var honest = await lab.DerivationAsync(store, "a");
        var aterm = await File.ReadAllBytesAsync(store.Root + honest, Cancellation);
        var parts = DerivationParts
            .Of(Derivation.Parse(aterm, StorePath.DefaultStoreDir))
            .With("out"u8.ToArray(), Placeholders.Own("dev"))
            .With("dev"u8.ToArray(), Placeholders.Own("out"));
        var swapped = ResolvedDerivation.Of(parts.ToDerivation(), "a");
        await File.WriteAllTextAsync(lab.Folder["swapped"], Encoding.UTF8.GetString(swapped.AtermBytes.Span), Cancellation);
        string[] add = ["eval", "--impure", "--raw", "--expr", $"builtins.toFile \"a.drv\" (builtins.readFile {lab.Folder["swapped"]})"];
        Assert.Equal(swapped.Path.ToString(), (await lab.Nix.RunAsync(store, "nix", add)).MustSucceed().Output.Trim());
        return swapped;
    }
}
