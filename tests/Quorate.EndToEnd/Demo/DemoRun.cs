using Quorate.EndToEnd.Programs;
using Quorate.Testing;

namespace Quorate.EndToEnd.Demo;

/// <summary>The demo's scenario, played once; its tests look at what it leaves behind.</summary>
public sealed class DemoRun : IDisposable
{
    readonly TemporaryFolder _folder = new();
    Task<string>? _story;

    public string Work => _folder.Root;

    /// <summary>What the scenario printed. Skips or fails by name where Nix is missing or may not build.</summary>
    public async Task<string> StoryAsync()
    {
        Machine.Require("nix-store", "nix-bin");
        Machine.Require("busybox", "busybox-static");
        // The tests of one class run one after another.
        return await (_story ??= PlayAsync());
    }

    /// <summary>The one path of this name in a store, or null.</summary>
    public string? Stored(string store, string name)
    {
        var folder = Path.Combine(Work, store, "nix", "store");
        return Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "*-" + name).SingleOrDefault() : null;
    }

    public void Dispose() => _folder.Dispose();

    async Task<string> PlayAsync()
    {
        var result = await RunningProgram.RunAsync(
            Path.Combine(Vectors.RepositoryRoot(), "examples", "demo", "scenario.sh"),
            [Work],
            new Dictionary<string, string?>
            {
                ["QUORATE"] = BuiltProgram.Wrapper(_folder["quorate"], BuiltProgram.QuorateDll),
                ["QUORATED"] = BuiltProgram.Wrapper(_folder["quorated"], BuiltProgram.QuoratedDll),
                ["QUORATE_DEMO_STAY"] = null,
            },
            patience: TimeSpan.FromMinutes(4)
        );
        if (result.Code == 3)
        {
            Machine.Missing("Nix may not build here: " + result.Errors);
        }
        return result.MustSucceed().Output;
    }
}
