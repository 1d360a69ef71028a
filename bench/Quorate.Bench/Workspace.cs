namespace Quorate.Bench;

/// <summary>A temporary folder on the disk that is measured (<c>QUORATE_BENCH_DIR</c>, default the system's), removed at the end.</summary>
sealed class Workspace : IDisposable
{
    int _next;

    public Workspace()
    {
        var parent = Environment.GetEnvironmentVariable("QUORATE_BENCH_DIR") ?? System.IO.Path.GetTempPath();
        Path = System.IO.Path.Combine(parent, "quorate-bench-" + Environment.ProcessId);
        Directory.CreateDirectory(Path);
    }

    public string Path { get; }

    /// <summary>A new empty folder.</summary>
    public string Folder(string name)
    {
        var folder = System.IO.Path.Combine(Path, $"{name}-{_next++}");
        Directory.CreateDirectory(folder);
        return folder;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
