using Microsoft.Win32.SafeHandles;

namespace Quorate.Log.Storage;

/// <summary>An exclusive <c>flock</c> (2) on a file, held until disposed or until the process ends, however it ends.</summary>
sealed class FileLock : IDisposable
{
    FileLock(SafeFileHandle file) => File = file;

    /// <summary>The locked file, open for reading and writing.</summary>
    public SafeFileHandle File { get; }

    /// <summary>Opens the file, or creates it for its owner alone, and locks it.</summary>
    /// <exception cref="IOException">It cannot be opened, or <paramref name="refused"/> makes this of a lock that somebody else holds.</exception>
    public static FileLock Take(string path, Func<SafeFileHandle, IOException> refused)
    {
        var file = Posix.OpenLockFile(path);
        try
        {
            return Posix.TryLock(file, path) ? new FileLock(file) : throw refused(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Closing the file would not do: a child that was just forked shares it, and with it the lock, until it executes its own program.
    /// </summary>
    public void Dispose()
    {
        if (!File.IsClosed)
        {
            Posix.Unlock(File);
            File.Dispose();
        }
    }
}
