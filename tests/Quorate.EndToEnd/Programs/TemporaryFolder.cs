namespace Quorate.EndToEnd.Programs;

/// <summary>A folder of one test. Its name is short, because unix sockets are made in it (108 bytes at most).</summary>
sealed class TemporaryFolder : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("q").FullName;

    public string this[string name] => Path.Combine(Root, name);

    public void Dispose()
    {
        // Nix stores are read-only, folders included.
        foreach (
            var folder in Directory.EnumerateDirectories(
                Root,
                "*",
                new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint }
            )
        )
        {
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }
        }
        Directory.Delete(Root, recursive: true);
    }
}
