using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Quorate.Log.Storage;

/// <summary><c>flock</c> (2), which .NET offers only together with its own rules for sharing files, and <c>posix_fadvise</c> (2).</summary>
static partial class Posix
{
    const int ReadWriteCreateCloseOnExec = 0x2 | 0x40 | 0x80000;
    const int LockExclusiveNonBlocking = 2 | 4;
    const int LockUnlock = 8;
    const int WouldBlock = 11;
    const int DoNotNeed = 4;

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

    /// <summary>For everybody who shares the open file description.</summary>
    internal static void Unlock(SafeFileHandle file) => _ = flock(file, LockUnlock);

    /// <summary>Advice only: whether it was taken makes no difference to what is read.</summary>
    internal static void ForgetCached(SafeFileHandle file, long offset, long length) => _ = posix_fadvise(file, offset, length, DoNotNeed);

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
    private static partial int flock(SafeFileHandle file, int operation);

    [LibraryImport("libc")]
    private static partial int posix_fadvise(SafeFileHandle file, long offset, long length, int advice);
}
