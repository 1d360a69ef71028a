using Quorate.EndToEnd.NixBuilds;
using Quorate.EndToEnd.Programs;

namespace Quorate.EndToEnd.NixTraces;

/// <summary>
/// Scenarios S4 and S5: real Nix behind the gate, which passes on the objects of a cache whose realisations are forged, and no realisation that the
/// builders' claims do not bear out.
/// </summary>
public sealed class TraceGateTests
{
    [Theory]
    [InlineData("installed", "2.8")]
    [InlineData("trixie", "2.26")]
    [InlineData("sid", "2.")]
    public async Task Gate_gives_each_resolved_step_and_the_honest_result(string suite, string version)
    {
        await using var scene = await Scene.MakeAsync(suite, version, withGraph: false);

        var (installed, messages) = await scene.Lab.BuildAsync(scene.Victim, "c");

        Assert.Equal(scene.Cache.Honest, installed);
        // Nix resolved the derivation itself, and then built none of it.
        Assert.Contains("resolved derivation:", messages, StringComparison.Ordinal);
        Assert.DoesNotContain("building '", messages, StringComparison.Ordinal);
        Assert.Contains($"copying path '{scene.Cache.Honest}' from '{scene.Gate.Url}'", messages, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("installed", "2.8")]
    [InlineData("trixie", "2.26")]
    [InlineData("sid", "2.")]
    public async Task Gate_with_the_graph_answers_for_what_is_unresolved_and_gives_the_honest_result(string suite, string version)
    {
        await using var scene = await Scene.MakeAsync(suite, version, withGraph: true);

        var (installed, messages) = await scene.Lab.BuildAsync(scene.Victim, "c");

        Assert.Equal(scene.Cache.Honest, installed);
        Assert.DoesNotContain("resolved derivation:", messages, StringComparison.Ordinal);
        Assert.DoesNotContain("building '", messages, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("installed", "2.8")]
    [InlineData("trixie", "2.26")]
    [InlineData("sid", "2.")]
    public async Task Gate_whose_rule_nobody_meets_makes_nix_build(string suite, string version)
    {
        await using var scene = await Scene.MakeAsync(suite, version, withGraph: true, signedByBoth: false);

        var (installed, messages) = await scene.Lab.BuildAsync(scene.Victim, "c");

        Assert.Equal(scene.Cache.Honest, installed);
        Assert.Contains("building '", messages, StringComparison.Ordinal);
        Assert.DoesNotContain("copying path", messages, StringComparison.Ordinal);
        Assert.Contains("refused sha256:", scene.Gate.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Gate_takes_over_a_changed_trust_file_on_SIGHUP_and_keeps_the_old_one_if_it_is_broken()
    {
        await using var scene = await Scene.MakeAsync("trixie", "2.26", withGraph: true, signedByBoth: false);
        var (_, before) = await scene.Lab.BuildAsync(scene.VictimNamed("before"), "c");

        var trust = await File.ReadAllTextAsync(scene.Lab.TrustFile, TestContext.Current.CancellationToken);
        await scene.TrustAsync(trust.Replace("2 of (amy, ben)", "1 of (amy, ben)", StringComparison.Ordinal), "Reloaded");
        var (_, after) = await scene.Lab.BuildAsync(scene.VictimNamed("after"), "c");
        await scene.TrustAsync("rule: \"2 of (amy\"\n", "Reload refused, the old configuration stays");
        var (_, kept) = await scene.Lab.BuildAsync(scene.VictimNamed("kept"), "c");

        Assert.Contains("building '", before, StringComparison.Ordinal);
        Assert.DoesNotContain("building '", after, StringComparison.Ordinal);
        Assert.DoesNotContain("building '", kept, StringComparison.Ordinal);
    }

    /// <summary>Two builders, a cache that lies about what they built, and a gate between it and a victim.</summary>
    sealed class Scene : IAsyncDisposable
    {
        readonly TemporaryFolder _folder = new();

        public TraceLab Lab { get; private set; } = null!;

        public ForgedCache Cache { get; private set; } = null!;

        public GateProcess Gate { get; private set; } = null!;

        public NixStore Victim => VictimNamed("victim");

        public NixStore VictimNamed(string name) => Lab.Consumer(name, Gate.Url, Gate.PublicKey);

        /// <summary>Replaces the trust file and has the gate read it.</summary>
        public async Task TrustAsync(string text, string told)
        {
            await File.WriteAllTextAsync(Lab.TrustFile, text, TestContext.Current.CancellationToken);
            await Gate.ReloadAsync(told);
        }

        public static async Task<Scene> MakeAsync(string suite, string version, bool withGraph, bool signedByBoth = true)
        {
            var nix = await NixInstallation.FindAsync(suite, version);
            var scene = new Scene();
            try
            {
                await scene.SetUpAsync(nix, withGraph, signedByBoth);
                return scene;
            }
            catch
            {
                await scene.DisposeAsync();
                throw;
            }
        }

        public async ValueTask DisposeAsync()
        {
            if (Gate is not null)
            {
                await Gate.DisposeAsync();
            }
            _folder.Dispose();
        }

        async Task SetUpAsync(NixInstallation nix, bool withGraph, bool signedByBoth)
        {
            Lab = new TraceLab(nix, _folder);
            var amy = await Lab.SignedBuildsAsync("amy", "a", "a.dev", "b", "c");
            var ben = signedByBoth ? await Lab.SignedBuildsAsync("ben", "a", "a.dev", "b", "c") : Lab.NewKey("ben");
            var builder = Lab.Builder("amy");
            await Lab.TrustAsync("2 of (amy, ben)", amy, ben);
            Cache = await ForgedCache.MakeAsync(Lab, builder);
            string[] graph = withGraph ? [$"drvs: {builder.Root}/nix/store"] : [];
            Gate = await GateProcess.StartAsync(_folder, Cache.Url, [$"trust: {Lab.TrustFile}", $"sources: [\"{Lab.Traces}\"]", .. graph]);
        }
    }
}
