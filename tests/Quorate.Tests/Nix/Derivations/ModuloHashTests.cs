using Quorate.Core;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Xunit;

namespace Quorate.Tests.Nix.Derivations;

public sealed class ModuloHashTests
{
    [Fact]
    public void Of_derivations_that_nix_wrote_gives_their_paths()
    {
        Assert.Equal(LabDerivations.APath, DerivationPaths.Of(LabDerivations.Parse(LabDerivations.A), "a"));
        Assert.Equal(LabDerivations.DeferredPath, DerivationPaths.Of(LabDerivations.Parse(LabDerivations.Deferred), "deferred"));
        Assert.Equal(LabDerivations.FilledPath, DerivationPaths.Of(LabDerivations.Parse(LabDerivations.Filled), "deferred"));
    }

    [Fact]
    public void Resolve_deferred_fills_in_what_nix_filled_in()
    {
        var resolved = DerivationResolution.Resolve(
            LabDerivations.Parse(LabDerivations.Deferred),
            "deferred",
            (_, _) => LabDerivations.AOut
        );
        Assert.Equal(LabDerivations.Parse(LabDerivations.Filled).ToAterm(), resolved!.ToAterm());
        Assert.Equal(LabDerivations.FilledPath, resolved.Path);
    }

    [Fact]
    public void AreOutputPathsRight_a_wrong_fixed_path_is_named()
    {
        var derivation = DerivationSamples.Parse(DerivationSamples.Fixed);
        Assert.False(DerivationPaths.AreOutputPathsRight(derivation, "leaf.txt", LabDerivations.Hashes, out var problem));
        Assert.Contains("out", problem, StringComparison.Ordinal);
    }

    [Theory]
    // From the specification of the format: Nix built these for the given content.
    [InlineData("sha256", "leaf.txt", "xbanwc63bmnpp74w1c5wr6pw7f1h4ybg-leaf.txt")]
    public void FixedOutput_known_content_gives_known_path(string algorithm, string name, string expected)
    {
        var hash = Sha256Digest.HashData("leaf\n"u8).ToString();
        var output = new DerivationOutput("out", DerivationSamples.Path(expected), algorithm, hash);
        Assert.Equal(expected, DerivationPaths.FixedOutput(output, StorePath.DefaultStoreDir, name).BaseName);
    }

    [Fact]
    public void TryMasked_of_a_deferred_derivation_is_deferred()
    {
        Assert.True(
            LabDerivations.Hashes.TryMasked(LabDerivations.Parse(LabDerivations.Deferred), "deferred", out var hash, out var problem),
            problem
        );
        Assert.True(hash.IsDeferred);
    }

    [Fact]
    public void TryOf_without_an_input_names_it()
    {
        var hashes = new ModuloHashes(path => path == LabDerivations.DeferredPath ? LabDerivations.Parse(LabDerivations.Deferred) : null);
        Assert.False(hashes.TryOf(LabDerivations.DeferredPath, out _, out var problem));
        Assert.Contains(LabDerivations.APath.ToString(), problem, StringComparison.Ordinal);
    }

    [Fact]
    public void TryOf_an_output_that_the_input_does_not_have_is_refused()
    {
        var text = LabDerivations.Deferred.Replace("a.drv\",[\"out\"]", "a.drv\",[\"lib\"]", StringComparison.Ordinal);
        Assert.False(LabDerivations.Hashes.TryMasked(LabDerivations.Parse(text), "deferred", out _, out var problem));
        Assert.Contains("lib", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void TryOf_a_cycle_is_refused()
    {
        var text = LabDerivations.Deferred.Replace(
            LabDerivations.APath.ToString(),
            LabDerivations.DeferredPath.ToString(),
            StringComparison.Ordinal
        );
        var derivation = LabDerivations.Parse(text);
        Assert.False(new ModuloHashes(_ => derivation).TryOf(LabDerivations.DeferredPath, out _, out var problem));
        Assert.Contains("itself", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void TryOf_a_very_deep_chain_does_not_exhaust_the_stack()
    {
        const int depth = 50_000;
        var hashes = new ModuloHashes(path =>
        {
            var level = int.Parse(path.Name.AsSpan(1, path.Name.Length - 5));
            var input = level == depth ? "" : $"(\"/nix/store/{Digits(level + 1)}-n{level + 1}.drv\",[\"out\"])";
            return DerivationSamples.Parse(
                $"""Derive([("out","/nix/store/{Digits(level)}-n{level}","","")],[{input}],[],"s","b",[],[("out","")])"""
            );
        });
        Assert.True(hashes.TryOf(DerivationSamples.Path(Digits(0) + "-n0.drv"), out var hash, out var problem), problem);
        Assert.False(hash.IsDeferred);
    }

    [Fact]
    public void TryMasked_two_inputs_of_one_hash_are_united_or_the_last_wins()
    {
        // Two libraries that differ only in where their one input, a fixed output, is fetched from; one output is used of each.
        var all = new Dictionary<StorePath, Derivation>
        {
            [Drv('2', "mirror")] = Mirror("one"),
            [Drv('3', "mirror")] = Mirror("two"),
            [Drv('4', "library")] = Library(Drv('2', "mirror")),
            [Drv('5', "library")] = Library(Drv('3', "mirror")),
        };
        var user = User($"(\"{Drv('4', "library")}\",[\"out\"]),(\"{Drv('5', "library")}\",[\"dev\"])");
        var both = User($"(\"{Drv('4', "library")}\",[\"dev\",\"out\"])");
        var last = User($"(\"{Drv('5', "library")}\",[\"dev\"])");
        Assert.Equal(Hash(both, EqualInputs.Unite), Hash(user, EqualInputs.Unite));
        Assert.Equal(Hash(last, EqualInputs.LastWins), Hash(user, EqualInputs.LastWins));

        Sha256Digest Hash(Derivation derivation, EqualInputs rule)
        {
            Assert.True(new ModuloHashes(all.GetValueOrDefault, rule).TryMasked(derivation, "u", out var hash, out var problem), problem);
            return hash.Digest;
        }
        static Derivation Mirror(string url) =>
            DerivationSamples.Parse(
                $"""Derive([("out","{Out("mirror")}","sha1","{new string('a', 40)}")],[],[],"s","b",[],[("url","{url}")])"""
            );
        static Derivation Library(StorePath mirror) =>
            DerivationSamples.Parse(
                $"""Derive([("dev","{Out("library-dev")}","",""),("out","{Out("library")}","","")],[("{mirror}",["out"])],[],"s","b",[],[])"""
            );
        static Derivation User(string inputs) =>
            DerivationSamples.Parse($"""Derive([("out","{Out("u")}","","")],[{inputs}],[],"s","b",[],[])""");
        static StorePath Drv(char digit, string name) => DerivationSamples.Path($"{new string(digit, 32)}-{name}.drv");
        static StorePath Out(string name) => DerivationSamples.Path($"{new string('1', 32)}-{name}");
    }

    static string Digits(int level) => level.ToString("d32");
}
