using System.Globalization;
using Quorate.EndToEnd.Programs;
using Quorate.Nix;
using Quorate.Nix.Nar;
using Quorate.Nix.Synthetic;

namespace Quorate.EndToEnd.NixBuilds;

/// <summary>What we compute of store objects, against what every Nix that Debian has computes of them.</summary>
public sealed class StoreObjectTests
{
    // Only shell builtins: nothing else is in the sandbox. `tool` refers to itself, in a file and in a link, and to `lib`.
    const string Graph = """
        { addressing }:
        let
          build =
            name: attributes: script:
            derivation (
              {
                inherit name;
                system = builtins.currentSystem;
                builder = "/bin/sh";
                args = [ "-eu" "-c" script ];
              }
              // (if addressing == "content" then {
                __contentAddressed = true;
                outputHashMode = "recursive";
                outputHashAlgo = "sha256";
              } else { })
              // attributes
            );
        in
        rec {
          lib = build "lib" { outputs = [ "out" "dev" ]; } "echo library > $out; echo header of $out > $dev";
          tool = build "tool" { lib = lib.dev; } "echo tool at $out with $lib > $out";
          top = build "top" { inherit tool; plain = lib.out; } "echo $tool $plain > $out";
        }
        """;

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, string> Installations =>
        new()
        {
            { "installed", "2." },
            { "trixie", "2.26" },
            { "sid", "2.34" },
        };

    [Theory]
    [MemberData(nameof(Installations))]
    public async Task Nar_hash_of_a_tree_with_every_kind_of_name_is_what_Nix_says(string suite, string version)
    {
        var nix = await NixInstallation.FindAsync(suite, version);
        using var folder = new TemporaryFolder();
        var tree = folder["tree"];
        // A name that is not UTF-8, one that sorts differently by bytes than by language, an executable, an empty folder, a link to nowhere.
        const string Script = """
            mkdir -p "$1/empty" "$1/a/b"; cd "$1"
            printf hello > "$(printf 'caf\351')"; printf '' > B; printf 1234567 > a.b; printf 12345678 > a/b/c; printf x > ä; printf x > z
            chmod 0744 z; chmod 0655 B; ln -s /nowhere/else link; ln -s "$(printf '\377')" a/odd
            """;
        (await RunningProgram.RunAsync("sh", ["-c", Script, "sh", tree])).MustSucceed();
        var store = new NixStore(folder["store"], nix.Settings());
        var said = (await nix.RunAsync(store, "nix-hash", "--type", "sha256", tree)).MustSucceed().Output.Trim();

        var (hash, _) = await NarFeed.HashAsync(tree, Cancellation);

        Assert.Equal(said, hash.ToString());
        // The runtime cannot delete what it cannot name.
        (await RunningProgram.RunAsync("rm", ["-r", tree])).MustSucceed();
    }

    [Theory]
    [MemberData(nameof(Installations))]
    public async Task Content_addressed_outputs_have_the_path_that_their_bytes_say(string suite, string version)
    {
        var nix = await NixInstallation.FindAsync(suite, version);
        using var folder = new TemporaryFolder();
        var store = new NixStore(folder["store"], nix.Settings("extra-experimental-features = ca-derivations"));
        var top = await BuildAsync(nix, store, folder, "content");

        var closure = await ClosureAsync(nix, store, top);
        var eras = new List<SelfReferenceEra?>();
        foreach (var path in closure)
        {
            var check = await ContentCheck.ScanningAsync(path, store.Root + path, ContentMethod.Nar, "sha256", closure, Cancellation);
            Assert.NotNull(check.Match);
            Assert.Equal(await ReferencesAsync(nix, store, path), check.References);
            Assert.Equal(await LineAsync(nix, store, "--hash", path), NarHash.ToNix32(check.NarHash));
            Assert.Equal(await LineAsync(nix, store, "--size", path), check.NarSize.ToString(CultureInfo.InvariantCulture));
            eras.Add(check.Match.Era);
        }

        var old = (await nix.RunAsync(store, "nix", "--version")).Output.Contains(" 2.8.", StringComparison.Ordinal);
        Assert.Equal([old ? SelfReferenceEra.WithPositions : SelfReferenceEra.WithoutPositions], eras.OfType<SelfReferenceEra>());
    }

    [Theory]
    [InlineData("installed", "2.8")]
    [InlineData("sid", "2.34")]
    public async Task Synthetic_view_of_an_input_addressed_closure_is_what_Nix_makes_content_addressed(string suite, string version)
    {
        var nix = await NixInstallation.FindAsync(suite, version);
        using var folder = new TemporaryFolder();
        var store = new NixStore(folder["store"], nix.Settings("extra-experimental-features = ca-derivations"));
        var top = await BuildAsync(nix, store, folder, "input");
        var closure = await ClosureAsync(nix, store, top);
        string[] command = ["store", "make-content-addressed", "--json", .. closure.Select(path => path.ToString())];
        var said = (await nix.RunAsync(store, "nix", command)).MustSucceed().Output;

        var view = new SyntheticView(
            new RegisteredObjects(new Quorate.Nix.Store.NixStore(nix.Program("nix-store"), store.Root).FactsAsync, store.Root),
            new HashSet<StorePath>()
        );

        foreach (var path in closure)
        {
            var seen = (await view.OfAsync(path, Cancellation)).Path;
            Assert.NotEqual(path, seen);
            // Nix 2.34 forgets positions, so there what refers to itself, and what refers to that, has another path.
            if (suite == "installed" || path.Name is "lib" or "lib-dev")
            {
                Assert.Contains($"\"{path}\":\"{seen}\"", said, StringComparison.Ordinal);
                var output = await view.OutputAsync(path, Cancellation);
                Assert.Equal(await LineAsync(nix, store, "--hash", seen), NarHash.ToNix32(output.NarHash));
                Assert.Equal(await LineAsync(nix, store, "--size", seen), output.NarSize.ToString(CultureInfo.InvariantCulture));
            }
        }
    }

    static async Task<StorePath> BuildAsync(NixInstallation nix, NixStore store, TemporaryFolder folder, string addressing)
    {
        var graph = folder["graph.nix"];
        await File.WriteAllTextAsync(graph, Graph, Cancellation);
        var built = await nix.RunAsync(store, "nix-build", "--no-out-link", graph, "--argstr", "addressing", addressing, "-A", "top");
        return StorePath.Parse(Lines(built).Single());
    }

    static async Task<StorePath[]> ClosureAsync(NixInstallation nix, NixStore store, StorePath path) =>
        [.. Lines(await nix.RunAsync(store, "nix-store", "-q", "--requisites", path.ToString())).Select(line => StorePath.Parse(line))];

    static async Task<StorePath[]> ReferencesAsync(NixInstallation nix, NixStore store, StorePath path) =>
        [
            .. Lines(await nix.RunAsync(store, "nix-store", "-q", "--references", path.ToString()))
                .Select(line => StorePath.Parse(line))
                .Order(),
        ];

    static async Task<string> LineAsync(NixInstallation nix, NixStore store, string question, StorePath path) =>
        Lines(await nix.RunAsync(store, "nix-store", "-q", question, path.ToString())).Single();

    static string[] Lines(ProgramResult result) => result.MustSucceed().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
