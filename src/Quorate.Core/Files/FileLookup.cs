using Microsoft.Win32.SafeHandles;

namespace Quorate.Core.Files;

/// <summary>
/// Tells a name that is not there from one that cannot be looked at: who may not enter a folder does not know what is in it. <see cref="File.Exists"/> calls both absent.
/// An answer costs a few system calls and no exception. Linux only.
/// </summary>
public static class FileLookup
{
    /// <summary>Opens a file to read it; null when there is none of this name.</summary>
    /// <param name="root">A folder above it that must be there, without which nothing is known of what was in it; null for none.</param>
    /// <exception cref="IOException">It is there, or may be, and cannot be opened.</exception>
    public static SafeFileHandle? Open(string path, string? root = null)
    {
        var file = Posix.TryOpen(path, out var error);
        if (file is null)
        {
            RequireAbsence(path, root, error);
        }
        return file;
    }

    /// <summary>Whether there is anything of this name.</summary>
    /// <exception cref="IOException">That cannot be told.</exception>
    public static bool IsThere(string path)
    {
        var error = Posix.Access(path);
        if (error != 0)
        {
            RequireAbsence(path, root: null, error);
        }
        return error == 0;
    }

    /// <summary>
    /// The nearest folder above that is there says so. A link that leads nowhere is no absence, at whatever level: what it leads to may be on a disk that is not mounted.
    /// </summary>
    static void RequireAbsence(string path, string? root, int error)
    {
        root = root is null ? null : Path.TrimEndingDirectorySeparator(root);
        for (var at = path; error != 0; error = Posix.Access(at))
        {
            if (error != Posix.NoSuchFile)
            {
                throw Posix.Failure("open", path, error);
            }
            if (at == root)
            {
                throw new IOException($"cannot open {path}: {root} is not there");
            }
            if (new FileInfo(at).LinkTarget is not null)
            {
                throw new IOException($"cannot open {path}: {at} is a link that leads nowhere");
            }
            // The root of all is there, and a name that stands below nothing is asked for where the process is.
            if (Path.GetDirectoryName(at) is not { Length: > 0 } parent)
            {
                return;
            }
            at = parent;
        }
    }
}
