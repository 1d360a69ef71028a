using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Quorate.Core.Files;

/// <summary>The few system calls for durable files, and for errors told apart, that .NET does not offer.</summary>
static partial class Posix
{
    public const int NoSuchFile = 2;

    const string Library = "libc";
    const int CloseOnExec = 0x80000;
    const int NonBlocking = 0x800;
    const int Interrupted = 4;
    const int HugePages = 14;

    // O_DIRECTORY is one of the few flags whose value differs between processors.
    static readonly int s_directory = RuntimeInformation.ProcessArchitecture
        is Architecture.Arm
            or Architecture.Arm64
            or Architecture.Ppc64le
        ? 0x4000
        : 0x10000;

    public static SafeFileHandle OpenDirectory(string path)
    {
        var descriptor = OpenFile(path, CloseOnExec | s_directory);
        return descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true) : throw Failure("open the directory", path);
    }

    /// <summary>Opens a file for reading, without waiting for the writer of a pipe; null, and the error's number.</summary>
    public static SafeFileHandle? TryOpen(string path, out int error)
    {
        int descriptor;
        do
        {
            descriptor = OpenFile(path, CloseOnExec | NonBlocking);
            error = descriptor >= 0 ? 0 : Marshal.GetLastPInvokeError();
        } while (error == Interrupted);
        return descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true) : null;
    }

    /// <summary>0 when there is something of this name, else the error's number.</summary>
    public static int Access(string path) => CheckAccess(path, mode: 0) == 0 ? 0 : Marshal.GetLastPInvokeError();

    public static void Flush(SafeFileHandle file) => Retry(Fsync, file, "fsync");

    public static void FlushData(SafeFileHandle file) => Retry(Fdatasync, file, "fdatasync");

    /// <summary>Gives a file a second name; fails when that name exists.</summary>
    public static void Link(string existing, string name)
    {
        if (HardLink(existing, name) != 0)
        {
            throw Failure("create", name);
        }
    }

    /// <summary>Asks for large pages. Only advice: a system that has none goes on without.</summary>
    public static unsafe void AdviseHugePages(void* start, nuint length) => _ = MemoryAdvice(start, length, HugePages);

    static void Retry(Func<SafeFileHandle, int> call, SafeFileHandle file, string name)
    {
        while (call(file) != 0)
        {
            if (Marshal.GetLastPInvokeError() != Interrupted)
            {
                throw Failure(name, "the file");
            }
        }
    }

    public static IOException Failure(string what, string path, int error) =>
        new($"cannot {what} {path}: {Marshal.GetPInvokeErrorMessage(error)}");

    static IOException Failure(string what, string path) => Failure(what, path, Marshal.GetLastPInvokeError());

    [LibraryImport(Library, EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenFile(string path, int flags);

    [LibraryImport(Library, EntryPoint = "access", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int CheckAccess(string path, int mode);

    [LibraryImport(Library, EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(SafeFileHandle file);

    [LibraryImport(Library, EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int Fdatasync(SafeFileHandle file);

    [LibraryImport(Library, EntryPoint = "madvise")]
    private static unsafe partial int MemoryAdvice(void* start, nuint length, int advice);

    [LibraryImport(Library, EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int HardLink(string existing, string name);
}
