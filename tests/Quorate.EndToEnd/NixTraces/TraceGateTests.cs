using Quorate.Crypto.Keys;
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

    /// <summary>Two builders, a cache that lies about what they built, and a gate between it and a victim.</summary>
    sealed class Scene : IAsyncDisposable
    {
        readonly TemporaryFolder _folder = new();

        public TraceLab Lab { get; private set; } = null!;

        public ForgedCache Cache { get; private set; } = null!;

        public GateProcess Gate { get; private set; } = null!;

        public NixStore Victim => Lab.Consumer("victim", Gate.Url, Gate.PublicKey);

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
            var keys = new List<NixCachePublicKey>();
            var builder = Lab.Builder("amy");
            foreach (var name in new[] { "ben", "amy" })
            {
                builder = await Lab.RecordingBuilderAsync(name);
                await Lab.BuildAsync(builder, "c");
                keys.Add(name == "amy" || signedByBoth ? await Lab.SignAllAsync(builder) : Lab.NewKey(name));
            }
            await Lab.TrustAsync("2 of (amy, ben)", keys);
            Cache = await ForgedCache.MakeAsync(Lab, builder);
            string[] graph = withGraph ? [$"drvs: {builder.Root}/nix/store"] : [];
            Gate = await GateProcess.StartAsync(_folder, Cache.Url, [$"trust: {Lab.TrustFile}", $"sources: [\"{Lab.Traces}\"]", .. graph]);
        }
    }
}
