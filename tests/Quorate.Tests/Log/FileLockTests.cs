using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Quorate.Log.Storage;
using Xunit;

namespace Quorate.Tests.Log;

public sealed class FileLockTests : IDisposable
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("quorate-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Take_of_a_held_lock_is_refused()
    {
        using var held = Take();
        Assert.Throws<IOException>(Take);
    }

    // As a child process does between fork and exec; the descriptor is only closed by the latter.
    [Fact]
    public void Take_while_somebody_still_shares_the_released_file_succeeds()
    {
        var held = Take();
        using var shared = new SafeFileHandle(dup((int)held.File.DangerousGetHandle()), ownsHandle: true);
        held.Dispose();

        Take().Dispose();
    }

    FileLock Take() => FileLock.Take(Path.Combine(_folder.FullName, "lock"), _ => new IOException("held"));

    [DllImport("libc")]
    static extern int dup(int descriptor);
}
