using Quorate.Core.Encodings;
using Quorate.EndToEnd.Programs;
using Quorate.Nix;
using Quorate.Nix.Nar;

namespace Quorate.EndToEnd.NixBuilds;

/// <summary>The content addresses that few use: what Git and a Nix with BLAKE3 compute of a tree, we compute too.</summary>
public sealed class ContentAddressTests
{
    // Names that sort one way by bytes and another way in Git; contents longer than one read; every mode.
    const string MakeTree = """
        mkdir -p "$1/a/b/c" "$1/a0" "$1/ä"; cd "$1"
        for f in a- a. a.b a/b- a/b/c/f a/b0 a0/f b "$(printf 'caf\351')" ä/f 0 ' ' '"'; do printf '%s' "$f" > "$f"; done
        printf '' > nothing; head -c 300000 /dev/zero > a/long; printf x > a/run; chmod 0755 a/run; chmod 0655 b
        ln -s /nowhere/else link; ln -s "$(printf '\377')" a/odd; ln -s . "a "
        """;

    // Only a folder can hold a program or a link; a file alone, and nothing with references, is addressed by the others.
    const string Graph = """
        let
          make = name: mode: algorithm: script: derivation {
            inherit name;
            system = builtins.currentSystem;
            builder = "/bin/sh";
            args = [ "-eu" "-c" script ];
            __contentAddressed = true;
            outputHashMode = mode;
            outputHashAlgo = algorithm;
          };
          tree = "mkdir -p $out/a $out/empty; echo f > $out/a/f; echo x > $out/a.b; echo y > $out/a-; chmod +x $out/a.b; ln -s /nowhere $out/l";
          file = "echo hi > $out";
        in
        [
          (make "git-sha1-tree" "git" "sha1" tree)
          (make "git-sha256-tree" "git" "sha256" tree)
          (make "git-sha1-file" "git" "sha1" file)
          (make "nar-blake3-tree" "nar" "blake3" tree)
          (make "flat-blake3-file" "flat" "blake3" file)
          (make "nar-sha1-tree" "nar" "sha1" tree)
          (make "flat-sha512-file" "flat" "sha512" file)
          (make "text-sha256-file" "text" "sha256" file)
        ]
        """;

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sha1")]
    [InlineData("sha256")]
    public async Task Hash_of_a_tree_is_what_Git_writes(string algorithm)
    {
        var git = Machine.Require("git", "git");
        using var folder = new TemporaryFolder();
        const string Write = """
            export GIT_CONFIG_NOSYSTEM=1 HOME="$2" LC_ALL=C.UTF-8
            "$1" init -q --bare --object-format="$3" "$2/git"; export GIT_DIR="$2/git"
            "$1" --work-tree="$4" -c core.fileMode=true -c core.autocrlf=false add -A -f "$4" >&2
            "$1" --work-tree="$4" write-tree
            """;
        await MakeTreeAsync(folder["tree"]);
        var said = await RunningProgram.RunAsync("sh", ["-euc", Write, "sh", git, folder.Root, algorithm, folder["tree"]]);

        Assert.Equal(said.MustSucceed().Output.Trim(), await HashAsync(folder["tree"], ContentMethod.Git, algorithm));
        await RemoveTreeAsync(folder["tree"]);
    }

    // Git's index knows no empty folders; `git mktree` does.
    [Theory]
    [InlineData("sha1")]
    [InlineData("sha256")]
    public async Task Hash_of_a_tree_with_an_empty_folder_is_what_Git_writes(string algorithm)
    {
        var git = Machine.Require("git", "git");
        using var folder = new TemporaryFolder();
        const string Write = """
            export GIT_CONFIG_NOSYSTEM=1 HOME="$2"; "$1" init -q --bare --object-format="$3" "$2/git"; export GIT_DIR="$2/git"
            empty=$("$1" mktree </dev/null); blob=$(printf x | "$1" hash-object -w --stdin)
            printf '040000 tree %s\ta\n100644 blob %s\ta.b\n' "$empty" "$blob" | "$1" mktree
            """;
        Directory.CreateDirectory(folder["tree/a"]);
        await File.WriteAllTextAsync(folder["tree/a.b"], "x", Cancellation);
        var said = await RunningProgram.RunAsync("sh", ["-euc", Write, "sh", git, folder.Root, algorithm]);

        Assert.Equal(said.MustSucceed().Output.Trim(), await HashAsync(folder["tree"], ContentMethod.Git, algorithm));
    }

    [Theory]
    [InlineData("git", "sha1")]
    [InlineData("git", "sha256")]
    [InlineData("nar", "blake3")]
    public async Task Hash_of_a_tree_is_what_Nix_says(string method, string algorithm)
    {
        var nix = await NixInstallation.FindAsync("sid", "2.34");
        using var folder = new TemporaryFolder();
        await MakeTreeAsync(folder["tree"]);
        string[] command = ["hash", "path", "--mode", method, "--algo", algorithm, "--format", "base16", folder["tree"]];
        var said = (await nix.RunAsync(Store(nix, folder), "nix", command)).MustSucceed().Output.Trim();

        Assert.True(ContentMethods.TryParse(method, out var parsed));
        Assert.Equal(said, await HashAsync(folder["tree"], parsed, algorithm));
        await RemoveTreeAsync(folder["tree"]);
    }

    [Fact]
    public async Task Outputs_have_the_path_that_their_bytes_say_and_changed_bytes_another()
    {
        var nix = await NixInstallation.FindAsync("sid", "2.34");
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder["graph.nix"], Graph, Cancellation);
        var store = Store(nix, folder);
        var built = (await nix.RunAsync(store, "nix-build", "--no-out-link", folder["graph.nix"])).MustSucceed().Output;
        var paths = built.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(8, paths.Length);
        foreach (var path in paths.Select(text => StorePath.Parse(text)))
        {
            var words = path.Name.Split('-');
            Assert.True(ContentMethods.TryParse(words[0], out var method));
            Assert.NotNull((await CheckAsync(path, method, words[1])).Match);

            var file = store.Root + path + (words[2] == "tree" ? "/a/f" : "");
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            await File.AppendAllTextAsync(file, "changed", Cancellation);
            Assert.Null((await CheckAsync(path, method, words[1])).Match);
        }

        Task<ContentCheck> CheckAsync(StorePath path, ContentMethod method, string algorithm) =>
            ContentCheck.WithReferencesAsync(path, store.Root + path, method, algorithm, [], Cancellation);
    }

    static NixStore Store(NixInstallation nix, TemporaryFolder folder) =>
        new(folder["store"], nix.Settings("extra-experimental-features = ca-derivations git-hashing blake3-hashes dynamic-derivations"));

    static async Task<string> HashAsync(string location, ContentMethod method, string algorithm)
    {
        var any = StorePath.Parse("/nix/store/00000000000000000000000000000000-n");
        var check = await ContentCheck.WithReferencesAsync(any, location, method, algorithm, [], Cancellation);
        return Hex.Encode(check.Addresses[0].Address.Hash);
    }

    static async Task MakeTreeAsync(string tree) => (await RunningProgram.RunAsync("sh", ["-euc", MakeTree, "sh", tree])).MustSucceed();

    /// <summary>The runtime cannot delete what it cannot name.</summary>
    static async Task RemoveTreeAsync(string tree) => (await RunningProgram.RunAsync("rm", ["-r", tree])).MustSucceed();
}
