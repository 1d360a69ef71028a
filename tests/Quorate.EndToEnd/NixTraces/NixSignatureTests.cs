using System.Text.Json;
using Quorate.Crypto.Keys;
using Quorate.EndToEnd.NixBuilds;
using Quorate.EndToEnd.Programs;
using Quorate.Nix;
using Quorate.Nix.Realisations;

namespace Quorate.EndToEnd.NixTraces;

/// <summary>
/// Scenario S6: what Nix itself signed while it built, uploaded by Nix itself into a binary cache, as a cache's word and as a builder's. Nix signs realisations when it builds
/// (<c>secret-key-files</c>); the key of an upload signs narinfos only.
/// </summary>
public sealed class NixSignatureTests
{
    const int Accepted = 0;
    const int Rejected = 2;

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("trixie", "2.26")]
    [InlineData("sid", "2.")]
    public async Task Legacy_key_is_believed_for_the_unresolved_derivation_over_file_and_over_http(string suite, string version)
    {
        using var folder = new TemporaryFolder();
        var (lab, store, key, built) = await CacheAsync(suite, version, folder);
        await using var server = await FolderServer.StartAsync(folder["cache"]);
        await TrustAsync(lab, $$"""{ "threshold": 1, "of": [ { "key_legacy": "{{key}}" }, { "key": "{{Stranger()}}" } ] }""");

        foreach (var source in new[] { "file://" + folder["cache"], server.Url })
        {
            var (code, report) = await lab.VerifyAsync(store, "c", [source]);

            Assert.Equal(Accepted, code);
            Assert.Equal(built, report.GetProperty("outputs").GetProperty("out").GetString());
            // Nothing below is asked for: the cache is believed about how it came to the inputs.
            var position = Assert.Single(report.GetProperty("positions").EnumerateArray());
            Assert.True(position.GetProperty("legacy").GetBoolean());
            Assert.False(position.TryGetProperty("resolved", out _));
            Assert.Single(report.GetProperty("legacy").EnumerateArray());
        }
    }

    [Theory]
    [InlineData("trixie", "2.26")]
    [InlineData("sid", "2.")]
    public async Task Same_cache_is_worth_nothing_under_any_other_model(string suite, string version)
    {
        using var folder = new TemporaryFolder();
        var (lab, store, key, _) = await CacheAsync(suite, version, folder);
        string[] models =
        [
            // Nobody, a claim key, a cache's key that is another's, and a builder's key: what is signed is not resolved.
            $$"""{ "key": "{{Stranger()}}" }""",
            $$"""{ "key": "{{key}}" }""",
            $$"""{ "threshold": 1, "of": [ { "key_legacy": "{{Stranger()}}" } ] }""",
            $$"""{ "rule": "amy", "builders": { "amy": { "nix_keys": [ "{{key}}" ] } } }""",
        ];
        foreach (var model in models)
        {
            await TrustAsync(lab, model);
            var (code, _) = await lab.VerifyAsync(store, "c", ["dir:" + folder["cache"]]);
            Assert.Equal(Rejected, code);
        }
        await TrustAsync(lab, $$"""{ "threshold": 2, "of": [ { "key_legacy": "{{key}}" }, { "key": "{{Stranger()}}" } ] }""");
        var refused = await lab.RunVerifyAsync(store, "c", "dir:" + folder["cache"]);
        Assert.Equal(1, refused.Code);
        Assert.Contains("outermost threshold of 1", refused.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("trixie", "2.26")]
    [InlineData("sid", "2.")]
    public async Task Signed_realisation_whose_path_was_replaced_is_refused(string suite, string version)
    {
        using var folder = new TemporaryFolder();
        var (lab, store, key, built) = await CacheAsync(suite, version, folder);
        var (evil, _) = await lab.BuildAsync(store, "evil");
        var forged = 0;
        foreach (var file in Directory.GetFiles(Path.Combine(folder["cache"], "realisations")))
        {
            var text = await File.ReadAllTextAsync(file, Cancellation);
            var lie = text.Replace(
                $"\"outPath\":\"{Path.GetFileName(built)}\"",
                $"\"outPath\":\"{Path.GetFileName(evil)}\"",
                StringComparison.Ordinal
            );
            forged += lie == text ? 0 : 1;
            await File.WriteAllTextAsync(file, lie, Cancellation);
        }
        Assert.Equal(1, forged);
        await TrustAsync(lab, $$"""{ "threshold": 1, "of": [ { "key_legacy": "{{key}}" } ] }""");

        var (code, report) = await lab.VerifyAsync(store, "c", ["dir:" + folder["cache"]]);

        Assert.Equal(Rejected, code);
        Assert.Equal(1, report.GetProperty("refused").GetProperty("BadSignature").GetInt32());
    }

    [Theory]
    [InlineData("trixie", "2.26")]
    [InlineData("sid", "2.")]
    public async Task Builders_whose_own_Nix_signed_every_step_are_two_of_two(string suite, string version)
    {
        var nix = await NixInstallation.FindAsync(suite, version);
        using var folder = new TemporaryFolder();
        var lab = new TraceLab(nix, folder);
        var (amy, amyKey) = lab.SigningBuilder("amy");
        var (ben, benKey) = lab.SigningBuilder("ben");
        var built = "";
        foreach (var store in new[] { amy, ben })
        {
            foreach (var attribute in new[] { "a", "b", "c" })
            {
                (var resolved, built) = await lab.StepAsync(store, attribute);
                await lab.CopyDerivationAsync(store, resolved, store.Root + ".cache", store.Root + ".secret");
            }
        }
        await using var server = await FolderServer.StartAsync(folder["ben.cache"]);
        await TrustBuildersAsync(lab, "2 of (amy, ben)", amyKey, benKey);

        var (code, report) = await lab.VerifyAsync(amy, "c", ["file://" + folder["amy.cache"], server.Url]);

        Assert.Equal(Accepted, code);
        Assert.Equal(built, report.GetProperty("outputs").GetProperty("out").GetString());
        Assert.Equal(3, report.GetProperty("positions").GetArrayLength());
        Assert.All(
            report.GetProperty("positions").EnumerateArray().SelectMany(position => position.GetProperty("claims").EnumerateArray()),
            claim => Assert.Equal("nix", claim.GetProperty("form").GetString())
        );
        Assert.Empty(report.GetProperty("legacy").EnumerateArray());
        // One alone cannot meet the rule, and nobody's Nix says that it built.
        var (alone, _) = await lab.VerifyAsync(amy, "c", ["file://" + folder["amy.cache"]]);
        await TrustBuildersAsync(lab, "2 of (amy, ben) where built", amyKey, benKey);
        var (conditional, _) = await lab.VerifyAsync(amy, "c", ["file://" + folder["amy.cache"], server.Url]);
        Assert.Equal((Rejected, Rejected), (alone, conditional));
    }

    /// <summary>No Nix that is packaged writes these yet; they are made here, of real builds.</summary>
    [Fact]
    public async Task Build_trace_entries_of_every_step_are_read_over_file_and_over_http()
    {
        var nix = await NixInstallation.FindAsync("sid", "2.");
        using var folder = new TemporaryFolder();
        var lab = new TraceLab(nix, folder);
        var store = lab.Builder("amy");
        using var key = NixCacheSecretKey.Generate("amy-1");
        foreach (var attribute in new[] { "a", "a.dev", "b", "c" })
        {
            var (resolved, output) = await lab.StepAsync(store, attribute);
            var name = new BuildTraceKey(StorePath.Parse(resolved), attribute == "a.dev" ? "dev" : "out");
            var file = Path.Combine(folder["cache"], name.CachePath);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            await File.WriteAllTextAsync(
                file,
                new BuildTraceEntry(name, StorePath.Parse(output)).SignedBy(key).ToValueJson(),
                Cancellation
            );
        }
        await using var server = await FolderServer.StartAsync(folder["cache"]);

        foreach (var source in new[] { "dir:" + folder["cache"], server.Url })
        {
            await TrustBuildersAsync(lab, "amy", key.PublicKey);
            var (asBuilder, report) = await lab.VerifyAsync(store, "c", [source]);
            await TrustAsync(lab, $$"""{ "threshold": 1, "of": [ { "key_legacy": "{{key.PublicKey}}" } ] }""");
            var (asCache, legacy) = await lab.VerifyAsync(store, "c", [source]);

            Assert.Equal((Accepted, Accepted), (asBuilder, asCache));
            Assert.Equal(3, report.GetProperty("positions").GetArrayLength());
            Assert.Equal(3, legacy.GetProperty("legacy").GetArrayLength());
        }
    }

    /// <summary>A builder whose Nix signs, and a cache with the outputs of <c>c</c> and what Nix uploads with them.</summary>
    static async Task<(TraceLab Lab, NixStore Store, NixCachePublicKey Key, string Built)> CacheAsync(
        string suite,
        string version,
        TemporaryFolder folder
    )
    {
        var nix = await NixInstallation.FindAsync(suite, version);
        var lab = new TraceLab(nix, folder);
        var (store, key) = lab.SigningBuilder("amy");
        var (built, _) = await lab.BuildAsync(store, "c");
        await lab.CopyAsync(store, "c", folder["cache"], folder["amy.secret"]);
        return (lab, store, key, built);
    }

    static NixCachePublicKey Stranger()
    {
        using var key = NixCacheSecretKey.Generate("stranger-1");
        return key.PublicKey;
    }

    static Task TrustBuildersAsync(TraceLab lab, string rule, params NixCachePublicKey[] keys) =>
        TrustAsync(
            lab,
            $"rule: \"{rule}\"\nbuilders:\n{string.Concat(keys.Select(key => $"  {key.Name[..^2]}: {{ nix_keys: [\"{key}\"] }}\n"))}"
        );

    static Task TrustAsync(TraceLab lab, string model) => File.WriteAllTextAsync(lab.TrustFile, model, Cancellation);
}
