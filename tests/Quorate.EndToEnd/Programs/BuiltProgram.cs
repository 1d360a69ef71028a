using Quorate.Testing;

namespace Quorate.EndToEnd.Programs;

/// <summary>Our own programs as this build made them, started the way a user starts them.</summary>
static class BuiltProgram
{
    public static string QuorateDll { get; } = Find("Quorate.Cli", "quorate.dll");

    public static string QuoratedDll { get; } = Find("Quorate.Node", "quorated.dll");

    public static string CrashWorkerDll { get; } = Find("Quorate.CrashWorker", "Quorate.CrashWorker.dll");

    /// <summary>Runs <c>quorate</c> to its end.</summary>
    public static Task<ProgramResult> QuorateAsync(params string[] arguments) =>
        RunningProgram.RunAsync("dotnet", [QuorateDll, .. arguments]);

    // Tests and programs are built together: artifacts/bin/PROJECT/CONFIGURATION.
    static string Find(string project, string file)
    {
        var configuration = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/')).Name;
        return Path.Combine(Vectors.RepositoryRoot(), "artifacts", "bin", project, configuration, file);
    }
}
