using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Quorate.Log.Storage;

/// <summary>The few calls of the C library that .NET does not offer: <c>fdatasync</c> (2), directory <c>fsync</c>, <c>flock</c>.</summary>
static partial class Posix
{
    const int ReadWriteCreateCloseOnExec = 0x2 | 0x40 | 0x80000;
    const int ReadOnlyCloseOnExec = 0x80000;
    const int LockExclusiveNonBlocking = 2 | 4;
    const int WouldBlock = 11;

    /// <summary>Makes the file's bytes and its length durable.</summary>
    internal static void DataSync(SafeFileHandle file, string path)
    {
        if (fdatasync(file) != 0)
        {
            throw Failed("fdatasync", path);
        }
    }

    /// <summary>Makes the names in a folder durable.</summary>
    internal static void SyncFolder(string path)
    {
        using var folder = Open(path, ReadOnlyCloseOnExec, 0);
        if (fsync(folder) != 0)
        {
            throw Failed("fsync", path);
        }
    }

    /// <summary>Replaces a small file durably: whole or not at all.</summary>
    internal static void ReplaceFile(string path, ReadOnlySpan<byte> bytes)
    {
        var temporary = path + ".tmp";
        using (var file = File.OpenHandle(temporary, FileMode.Create, FileAccess.Write))
        {
            RandomAccess.Write(file, bytes, 0);
            DataSync(file, temporary);
        }
        File.Move(temporary, path, overwrite: true);
        SyncFolder(Path.GetDirectoryName(path)!);
    }

    /// <summary>Opens a lock file, creating it for its owner alone.</summary>
    internal static SafeFileHandle OpenLockFile(string path) => Open(path, ReadWriteCreateCloseOnExec, 0x180);

    /// <summary>False when another open file description holds the lock.</summary>
    internal static bool TryLock(SafeFileHandle file, string path)
    {
        if (flock(file, LockExclusiveNonBlocking) == 0)
        {
            return true;
        }
        return Marshal.GetLastPInvokeError() == WouldBlock ? false : throw Failed("flock", path);
    }

    static SafeFileHandle Open(string path, int flags, uint mode)
    {
        var descriptor = open(path, flags, mode);
        return descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true) : throw Failed("open", path);
    }

    static IOException Failed(string call, string path) =>
        new($"{call} {path}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags, uint mode);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fdatasync(SafeFileHandle file);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fsync(SafeFileHandle file);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int flock(SafeFileHandle file, int operation);
}
