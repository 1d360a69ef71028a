namespace Quorate.Bench;

/// <summary>A temporary folder on the disk that is measured (<c>QUORATE_BENCH_DIR</c>, default the system's), removed at the end.</summary>
sealed class Workspace : IDisposable
{
    readonly Dictionary<string, string> _prepared = [];
    int _next;

    readonly string? _keep;

    /// <param name="keep">Where the log that rows share is left; null removes it with the rest.</param>
    public Workspace(string? keep = null)
    {
        _keep = keep;
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

    /// <summary>A folder that several rows share, filled for the first that asks.</summary>
    public async Task<string> PreparedAsync(string name, Func<string, Task> fill)
    {
        if (!_prepared.TryGetValue(name, out var folder))
        {
            folder = name == PrefilledLog.FolderName && _keep is { } kept ? Directory.CreateDirectory(kept).FullName : Folder(name);
            await fill(folder);
            _prepared.Add(name, folder);
        }
        return folder;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
