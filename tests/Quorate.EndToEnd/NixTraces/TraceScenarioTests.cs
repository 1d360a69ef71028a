using System.Text.Json;
using Quorate.Crypto.Keys;
using Quorate.EndToEnd.NixBuilds;
using Quorate.EndToEnd.Programs;
using Quorate.Nix;
using Quorate.Nix.Nar;

namespace Quorate.EndToEnd.NixTraces;

/// <summary>Scenarios S1, S2, S3 and S7: real builds by real Nix, signed by our signer or our hook, and verified from their whole graph.</summary>
public sealed class TraceScenarioTests
{
    const int Accepted = 0;
    const int Rejected = 2;

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>S1, with the commands of the manual.</summary>
    [Theory]
    [InlineData("installed", "2.8")]
    [InlineData("trixie", "2.26")]
    [InlineData("sid", "2.")]
    public async Task Builds_of_two_builders_with_hooks_verify_two_of_two_over_http(string suite, string version)
    {
        var nix = await NixInstallation.FindAsync(suite, version);
        using var folder = new TemporaryFolder();
        var lab = new TraceLab(nix, folder);
        await using var amy = await BuilderNode.StartAsync(lab, "amy");
        await using var ben = await BuilderNode.StartAsync(lab, "ben");
        var (built, _) = await lab.BuildAsync(amy.Store, "c");
        await lab.BuildAsync(ben.Store, "c");
        await amy.FlushAsync();
        await ben.FlushAsync();
        await lab.TrustAsync("2 of (amy, ben)", amy.ClaimKey, ben.ClaimKey);

        var (code, report) = await VerifyAsync(lab, amy.Store, "c", amy.TraceStore, ben.TraceStore);

        Assert.Equal(Accepted, code);
        Assert.Equal(built, report.GetProperty("outputs").GetProperty("out").GetString());
        Assert.Equal(3, report.GetProperty("positions").GetArrayLength());
        // One alone cannot meet the rule.
        var (alone, _) = await VerifyAsync(lab, amy.Store, "c", amy.TraceStore);
        Assert.Equal(Rejected, alone);
        // However often Nix calls its hook for a build, it is claimed once.
        Assert.Equal((3UL, 3UL), (await amy.TraceCountAsync(), await ben.TraceCountAsync()));
        // What refers to itself has the path that this Nix, and not another, gives it.
        var (selfReferring, _) = await lab.BuildAsync(amy.Store, "b");
        Assert.Equal(lab.Nix.SelfReferences, await EraAsync(lab, amy.Store, selfReferring));
    }

    /// <summary>D by the hook: ordinary builds, signed as content by whoever asked for it when the hook was installed.</summary>
    [Theory]
    [InlineData("installed", "2.8")]
    [InlineData("sid", "2.34")]
    public async Task Input_addressed_builds_of_two_builders_with_hooks_verify_two_of_two_over_http(string suite, string version)
    {
        var nix = await NixInstallation.FindAsync(suite, version);
        using var folder = new TemporaryFolder();
        var lab = new TraceLab(nix, folder) { Arguments = ["--arg", "content", "false"] };
        await using var amy = await BuilderNode.StartAsync(lab, "amy", "--input-addressed", "--view-cache", folder["views"]);
        await using var ben = await BuilderNode.StartAsync(lab, "ben", "--input-addressed", "--view-cache", folder["views"]);
        var (built, _) = await lab.BuildAsync(amy.Store, "c");
        await lab.BuildAsync(ben.Store, "c");
        await amy.FlushAsync();
        await ben.FlushAsync();
        await lab.TrustAsync("2 of (amy, ben)", amy.ClaimKey, ben.ClaimKey);

        var (code, report) = await lab.VerifyAsync(amy.Store, "c", [amy.TraceStore, ben.TraceStore], "--input-addressed");

        Assert.Equal(Accepted, code);
        Assert.Equal(3, report.GetProperty("positions").GetArrayLength());
        // The view is the path of the content, which the input-addressed path is not.
        Assert.NotEqual(built, report.GetProperty("outputs").GetProperty("out").GetString());
        Assert.Equal((3UL, 3UL), (await amy.TraceCountAsync(), await ben.TraceCountAsync()));
        // Nor does evidence of this kind count where content-addressed builds are asked for.
        var (other, _) = await VerifyAsync(lab, amy.Store, "c", amy.TraceStore, ben.TraceStore);
        Assert.NotEqual(Accepted, other);
    }

    [Fact]
    public async Task Hook_that_is_told_to_writes_claims_as_laut_reads_them()
    {
        var nix = await NixInstallation.FindAsync("installed", "2.8");
        using var folder = new TemporaryFolder();
        var lab = new TraceLab(nix, folder);
        await using var amy = await BuilderNode.StartAsync(lab, "amy", "--format", "jws3");
        await lab.BuildAsync(amy.Store, "c");
        await amy.FlushAsync();
        await lab.TrustAsync("amy", amy.ClaimKey);
        using var client = new HttpClient { BaseAddress = new Uri(amy.TraceStore) };

        var (code, report) = await VerifyAsync(lab, amy.Store, "c", amy.TraceStore);

        Assert.Equal(Accepted, code);
        Assert.Equal(3, report.GetProperty("positions").GetArrayLength());
        var leaf = Path.GetFileName(await lab.DerivationAsync(amy.Store, "a"))[..32];
        using var trace = JsonDocument.Parse(await client.GetStringAsync($"/traces/{leaf}", Cancellation));
        Assert.Single(trace.RootElement.GetProperty("signatures").EnumerateArray());
    }

    /// <summary>S2: builders differ in one step, and agree again on what is made of it.</summary>
    [Fact]
    public async Task Divergence_that_converges_is_accepted_and_reported()
    {
        var nix = await NixInstallation.FindAsync("sid", "2.");
        using var folder = new TemporaryFolder();
        var lab = new TraceLab(nix, folder);
        await TwoBuildersAsync(lab, "top");

        var (top, report) = await VerifyAsync(lab, lab.Builder("amy"), "top", lab.Traces);
        var (noisy, _) = await VerifyAsync(lab, lab.Builder("amy"), "noisy", lab.Traces);

        Assert.Equal((Accepted, Rejected), (top, noisy));
        var divergence = Assert.Single(report.GetProperty("divergences").EnumerateArray());
        Assert.EndsWith("-noisy.drv", divergence.GetProperty("derivation").GetString(), StringComparison.Ordinal);
        Assert.Equal(2, divergence.GetProperty("outcomes").GetArrayLength());
    }

    /// <summary>S3: Nix 2.17 to 2.34 hash an object that refers to itself differently from those before, so that its path is another.</summary>
    [Fact]
    public async Task Eras_of_self_references_are_a_divergence_with_both_results()
    {
        var old = await NixInstallation.FindAsync("installed", "2.8");
        var recent = await NixInstallation.FindAsync("trixie", "2.26");
        using var folder = new TemporaryFolder();
        var (amyLab, benLab) = (new TraceLab(old, folder), new TraceLab(recent, folder));
        var amy = await amyLab.SignedBuildsAsync("amy", "a", "a.dev", "b");
        var ben = await benLab.SignedBuildsAsync("ben", "a", "a.dev", "b");
        await amyLab.TrustAsync("2 of (amy, ben)", amy, ben);

        var (code, report) = await VerifyAsync(benLab, benLab.Builder("ben"), "b", benLab.Traces);

        Assert.Equal(Rejected, code);
        var divergence = Assert.Single(report.GetProperty("divergences").EnumerateArray());
        Assert.EndsWith("-b.drv", divergence.GetProperty("derivation").GetString(), StringComparison.Ordinal);
        Assert.Equal(2, divergence.GetProperty("outcomes").GetArrayLength());
    }

    /// <summary>S7: what was verified are paths; what lies there now is another question.</summary>
    [Fact]
    public async Task Bytes_that_were_changed_after_the_verification_are_found()
    {
        var nix = await NixInstallation.FindAsync("sid", "2.");
        using var folder = new TemporaryFolder();
        var lab = new TraceLab(nix, folder);
        await TwoBuildersAsync(lab, "c");
        var store = lab.Builder("ben");
        var (built, _) = await lab.BuildAsync(store, "c");
        string[] check = ["--check-store", "--store", store.Root, "--nix-store", nix.Program("nix-store")];
        var (before, untouched) = await lab.VerifyAsync(store, "c", [lab.Traces], check);

        File.SetUnixFileMode(store.Root + built, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await File.AppendAllTextAsync(store.Root + built, "one line more\n", Cancellation);
        File.SetUnixFileMode(store.Root + built, UnixFileMode.UserRead);
        var (after, report) = await lab.VerifyAsync(store, "c", [lab.Traces], check);

        Assert.Equal((Accepted, Rejected), (before, after));
        Assert.Equal([("matches", 4)], States(untouched));
        Assert.Equal([("differs", 1), ("matches", 3)], States(report));
        var differing = report.GetProperty("local").EnumerateArray().Single(IsDifferent);
        Assert.Equal(built, differing.GetProperty("path").GetString());
        Assert.Contains("its content belongs at", differing.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    static bool IsDifferent(JsonElement content) => content.GetProperty("state").GetString() == "differs";

    static IEnumerable<(string? State, int Count)> States(JsonElement report) =>
        report
            .GetProperty("local")
            .EnumerateArray()
            .GroupBy(content => content.GetProperty("state").GetString())
            .Select(group => (group.Key, group.Count()))
            .OrderBy(state => state.Key, StringComparer.Ordinal);

    /// <summary>The third spelling of a trust model, with the restrictions under which it is evaluated.</summary>
    [Fact]
    public async Task Trust_model_in_Nix_is_evaluated_in_its_own_directory_and_nowhere_else()
    {
        Machine.Require("nix-instantiate", "nix-bin");
        var nix = await NixInstallation.FindAsync("sid", "2.");
        using var folder = new TemporaryFolder();
        var lab = new TraceLab(nix, folder);
        var keys = await TwoBuildersAsync(lab, "c");
        var store = lab.Builder("amy");
        var trust = Directory.CreateDirectory(folder["trust"]).FullName;
        string Key(int number) => $$"""{ key = "{{keys[number]}}"; }""";
        async Task<ProgramResult> VerifiedAsync(string expression)
        {
            await File.WriteAllTextAsync(lab.TrustFile = Path.Combine(trust, "trust"), expression, Cancellation);
            return await lab.RunVerifyAsync(store, "c", lab.Traces);
        }
        await File.WriteAllTextAsync(Path.Combine(trust, "keys.nix"), $"[ {Key(0)} {Key(1)} ]", Cancellation);
        await File.WriteAllTextAsync(folder["outside.nix"], Key(0), Cancellation);

        Assert.Equal(
            Accepted,
            (await VerifiedAsync("let of = import ./keys.nix; in { threshold = builtins.length of; inherit of; }")).Code
        );
        using var nobody = NixCacheSecretKey.Generate("nobody-1");
        Assert.Equal(
            Rejected,
            (await VerifiedAsync($$"""{ threshold = 3; of = import ./keys.nix ++ [ { key = "{{nobody.PublicKey}}"; } ]; }""")).Code
        );
        var outside = await VerifiedAsync("import ../outside.nix");
        Assert.Equal(1, outside.Code);
        Assert.Contains("restricted", outside.Errors, StringComparison.Ordinal);
        Assert.Equal(1, (await VerifiedAsync("import (builtins.fetchurl \"http://127.0.0.1:1/trust.nix\")")).Code);
    }

    /// <summary>How the path of an object that refers to itself was made, by its bytes.</summary>
    static async Task<SelfReferenceEra?> EraAsync(TraceLab lab, NixStore store, string path)
    {
        var references = (await lab.Nix.RunAsync(store, "nix-store", "-q", "--references", path)).MustSucceed().Output;
        StorePath[] parsed = [.. references.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => StorePath.Parse(line))];
        var check = await ContentCheck.WithReferencesAsync(
            StorePath.Parse(path),
            store.Root + path,
            ContentMethod.Nar,
            "sha256",
            parsed,
            Cancellation
        );
        return check.Match?.Era;
    }

    /// <summary>Two builders with stores of their own, whose builds are signed into one directory.</summary>
    static async Task<IReadOnlyList<NixCachePublicKey>> TwoBuildersAsync(TraceLab lab, string attribute)
    {
        var keys = new List<NixCachePublicKey>();
        foreach (var name in new[] { "amy", "ben" })
        {
            var store = await lab.RecordingBuilderAsync(name);
            await lab.BuildAsync(store, attribute);
            keys.Add(await lab.SignAllAsync(store));
        }
        await lab.TrustAsync("2 of (amy, ben)", keys);
        return keys;
    }

    static Task<(int Code, JsonElement Report)> VerifyAsync(TraceLab lab, NixStore store, string attribute, params string[] sources) =>
        lab.VerifyAsync(store, attribute, sources);
}
