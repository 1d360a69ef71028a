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

    /// <summary>Writes a program of one word that starts ours, as a script calls it; returns its path.</summary>
    public static string Wrapper(string path, string dll)
    {
        File.WriteAllText(path, $"#!/bin/sh\nexec dotnet '{dll}' \"$@\"\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    // Tests and programs are built together: artifacts/bin/PROJECT/CONFIGURATION.
    static string Find(string project, string file)
    {
        var configuration = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/')).Name;
        return Path.Combine(Vectors.RepositoryRoot(), "artifacts", "bin", project, configuration, file);
    }
}
