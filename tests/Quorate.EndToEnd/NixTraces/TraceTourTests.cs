using Quorate.EndToEnd.NixBuilds;
using Quorate.EndToEnd.Programs;
using Quorate.Testing;

namespace Quorate.EndToEnd.NixTraces;

/// <summary>The commands of the README's section on build traces, taken from it and run: two builders with hooks, and a machine that built nothing.</summary>
public sealed class TraceTourTests
{
    [Theory]
    [InlineData("installed", "2.8")]
    [InlineData("trixie", "2.26")]
    [InlineData("sid", "2.")]
    public async Task Commands_of_the_readme_verify_a_closure_on_a_third_machine(string suite, string version)
    {
        var nix = await NixInstallation.FindAsync(suite, version);
        using var folder = new TemporaryFolder();
        var work = Directory.CreateDirectory(folder["w"]).FullName;

        var result = await RunningProgram.RunAsync(
            Path.Combine(Vectors.RepositoryRoot(), "examples", "traces", "scenario.sh"),
            [work],
            new Dictionary<string, string?>
            {
                ["QUORATE"] = BuiltProgram.Wrapper(folder["quorate"], BuiltProgram.QuorateDll),
                ["QUORATED"] = BuiltProgram.Wrapper(folder["quorated"], BuiltProgram.QuoratedDll),
                ["PATH"] = Path.GetDirectoryName(nix.Program("nix")) + ":" + Environment.GetEnvironmentVariable("PATH"),
            },
            patience: TimeSpan.FromMinutes(4)
        );
        if (result.Code == 3)
        {
            Machine.Missing("Nix may not build here: " + result.Errors);
        }

        var story = result.MustSucceed().Output;
        Assert.Contains("traces: OK", story, StringComparison.Ordinal);
        Assert.Contains("./quorate nix hook install", story, StringComparison.Ordinal);
        var built = Path.Combine(work, "alice", "store", "nix", "store");
        if (Directory.Exists(built))
        {
            // The same three steps: built there, and nowhere on the machine that verified them.
            Assert.Equal(3, Outputs(built).Count());
            Assert.Empty(Outputs(Path.Combine(work, "third", "store", "nix", "store")));
        }
    }

    static IEnumerable<string> Outputs(string store) =>
        Directory
            .EnumerateFiles(store)
            .Where(file => Path.GetExtension(file) == "" && Path.GetFileName(file).Split('-')[^1] is "words" or "greeter" or "welcome");
}
