using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Quorate.Core.Files;
using Quorate.Log.Storage;

namespace Quorate.Log;

/// <summary>
/// A node's state on disk, held by one process at a time (docs/formats/state-directory.md):
/// <c>format</c>, <c>lock</c>, <c>logs/&lt;log ID&gt;/</c>, <c>mirrors/&lt;log ID&gt;/</c>.
/// </summary>
public sealed class StateDirectory : IDisposable
{
    /// <summary>The layout that this program reads and writes.</summary>
    public const int FormatVersion = 1;

    const int MaxFormatBytes = 256;
    const string FormatPrefix = "quorate-state ";
    const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    readonly FileLock _lock;

    StateDirectory(string path, FileLock held) => (Path, _lock) = (path, held);

    public string Path { get; }

    /// <summary>Opens the directory, or creates it with mode 0700, and locks it until disposed (or until the process ends, however it ends).</summary>
    /// <exception cref="StateDirectoryLockedException">Another process has it open.</exception>
    /// <exception cref="StateFormatException">It has another format version, or is no state directory.</exception>
    public static StateDirectory Open(string path)
    {
        var full = System.IO.Path.GetFullPath(path);
        if (!Directory.Exists(full))
        {
            Directory.CreateDirectory(full, OwnerOnly);
            DurableFile.FlushDirectory(System.IO.Path.GetDirectoryName(full)!);
        }
        var held = Lock(full);
        try
        {
            CheckFormat(full);
            foreach (var name in (string[])["logs", "mirrors", "copies"])
            {
                Directory.CreateDirectory(System.IO.Path.Combine(full, name), OwnerOnly);
            }
            DurableFile.FlushDirectory(full);
            return new StateDirectory(full, held);
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Locks the state directory that a log's folder lies in, so that no node opens it; null where it lies in none, or in one that
    /// cannot be written to, which no node can have open.
    /// </summary>
    /// <exception cref="StateDirectoryLockedException">A node has it open.</exception>
    public static IDisposable? LockOf(string logFolder)
    {
        var state = System.IO.Path.GetDirectoryName(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(logFolder).TrimEnd('/')));
        if (state is null || !File.Exists(System.IO.Path.Combine(state, "format")))
        {
            return null;
        }
        try
        {
            return Lock(state);
        }
        catch (IOException e) when (e is not StateDirectoryLockedException)
        {
            return null;
        }
    }

    /// <summary>The folder of a log that this node writes.</summary>
    public string PublishedFolder(LogId log) => System.IO.Path.Combine(Path, "logs", log.Text);

    /// <summary>The folder of this node's copy of a log that it shares with others.</summary>
    public string CopyFolder(LogId log) => System.IO.Path.Combine(Path, "copies", log.Text);

    /// <summary>The folder of a mirror.</summary>
    public string MirrorFolder(LogId log) => System.IO.Path.Combine(Path, "mirrors", log.Text);

    /// <summary>Where an import puts a log's folder together.</summary>
    public string ImportingFolder(LogId log) => System.IO.Path.Combine(Path, $"importing-{log}");

    /// <summary>Where an import puts the folder that it replaces.</summary>
    public string ReplacedFolder(LogId log, DateTimeOffset at) =>
        System.IO.Path.Combine(Path, "replaced", $"{log}-{at.ToUnixTimeSeconds()}");

    /// <summary>
    /// Why a log of this node must not be begun anew although its folder is empty or gone; null when nothing here knows of it. An import that was interrupted leaves its
    /// place empty, and a log that begins there again would sign other heads of sizes that were published.
    /// </summary>
    public string? WhyNotToBegin(LogId log)
    {
        var folder = PublishedFolder(log);
        if (Directory.Exists(folder) && Directory.EnumerateFiles(folder, "*.wal").Any())
        {
            return null;
        }
        if (Directory.Exists(ImportingFolder(log)))
        {
            return $"an import of this log did not come to its end: run it again, or remove {ImportingFolder(log)} if the log was never published";
        }
        var replaced = System.IO.Path.Combine(Path, "replaced");
        return Directory.Exists(replaced) && Directory.EnumerateDirectories(replaced, $"{log}-*").Max(StringComparer.Ordinal) is { } before
            ? $"{folder} is gone, and an import had put the log's folder into {before}: run the import again, or move that folder back"
            : null;
    }

    public void Dispose() => _lock.Dispose();

    static FileLock Lock(string folder)
    {
        var held = FileLock.Take(
            System.IO.Path.Combine(folder, "lock"),
            file => new StateDirectoryLockedException(folder, ReadHolder(file))
        );
        try
        {
            // The number only serves the message above; the kernel's lock is what counts.
            RandomAccess.SetLength(held.File, 0);
            RandomAccess.Write(held.File, Encoding.ASCII.GetBytes($"{Environment.ProcessId}\n"), 0);
            return held;
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    static int? ReadHolder(SafeFileHandle file)
    {
        Span<byte> bytes = stackalloc byte[16];
        var text = Encoding.ASCII.GetString(bytes[..RandomAccess.Read(file, bytes, 0)]).TrimEnd('\n');
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var pid) ? pid : null;
    }

    static void CheckFormat(string folder)
    {
        var path = System.IO.Path.Combine(folder, "format");
        var current = FormatPrefix + FormatVersion.ToString(CultureInfo.InvariantCulture) + "\n";
        if (!File.Exists(path))
        {
            if (Directory.Exists(System.IO.Path.Combine(folder, "logs")) || Directory.Exists(System.IO.Path.Combine(folder, "mirrors")))
            {
                throw new StateFormatException($"{folder} has logs but no file named format, which would tell how to read them");
            }
            DurableFile.Create(path, Encoding.ASCII.GetBytes(current), DurableFile.Private);
            return;
        }
        using var file = File.OpenHandle(path);
        var bytes = new byte[MaxFormatBytes];
        var found = Encoding.ASCII.GetString(bytes, 0, RandomAccess.Read(file, bytes, 0));
        if (found != current)
        {
            throw new StateFormatException(
                $"{folder} has the state format \"{found.TrimEnd('\n')}\"; this program reads \"{current.TrimEnd('\n')}\" and has no migration from it"
            );
        }
    }
}

/// <summary>Another process holds the state directory.</summary>
public sealed class StateDirectoryLockedException(string path, int? processId)
    : IOException(
        $"the state directory {path} is in use by another process"
            + (processId is { } pid ? $" (pid {pid})" : "")
            + "; only one may have it open"
    )
{
    /// <summary>As it wrote it down; null when it is not known.</summary>
    public int? ProcessId { get; } = processId;
}

/// <summary>The state directory is of another version, or is none.</summary>
public sealed class StateFormatException(string message) : IOException(message);
