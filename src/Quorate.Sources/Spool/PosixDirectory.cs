using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Quorate.Sources.Spool;

/// <summary>
/// A private directory held open by descriptor. All names are resolved inside it without following links, so nobody who can rename things
/// above it can lead a privileged process elsewhere. Linux only.
/// </summary>
sealed unsafe partial class PosixDirectory : IDisposable
{
    const int OpenReadOnly = 0;
    const int OpenWriteOnly = 1;
    const int OpenCreate = 0x40;
    const int OpenExclusive = 0x80;
    const int OpenNonBlocking = 0x800;
    const int OpenDirectory = 0x10000;
    const int OpenNoFollow = 0x20000;
    const int OpenCloseOnExec = 0x80000;
    const int AtCurrentDirectory = -100;
    const int AtEmptyPath = 0x1000;
    const uint StatBasic = 0x7ff;
    const int FileTypeMask = 0xf000;
    const int RegularFile = 0x8000;
    const int NoSuchFile = 2;

    readonly SafeFileHandle _handle;

    PosixDirectory(SafeFileHandle handle, string path, uint owner, uint group)
    {
        _handle = handle;
        Path = path;
        Owner = owner;
        Group = group;
    }

    public string Path { get; }

    public uint Owner { get; }

    /// <summary>It belongs to this process's user.</summary>
    public bool IsOwn => Owner == EffectiveUser();

    uint Group { get; }

    /// <summary>
    /// Opens a directory of mode 0700 that belongs to this process's user; root may also use another user's, and then gives what it writes to
    /// that user. With <paramref name="create"/> a missing one is made, owned like the directory above it when root makes it.
    /// </summary>
    /// <returns>Null when it does not exist.</returns>
    /// <exception cref="IOException">It is a link, not a directory, not private, or somebody else's.</exception>
    /// <param name="what">What it is called in messages.</param>
    public static PosixDirectory? Open(string path, bool create, string what = "spool")
    {
        var full = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
        var above = System.IO.Path.GetDirectoryName(full) ?? throw new IOException($"{what} {path} cannot be the root directory");
        var name = System.IO.Path.GetFileName(full);
        if (create && !Directory.Exists(above))
        {
            Directory.CreateDirectory(above);
        }
        // From here on the directory above is one descriptor. Whoever owns it may move it and put a link in its place, which must not decide
        // what root makes, and even less what root gives away.
        using var parent = OpenDirectoryAt(AtCurrentDirectory, above, 0);
        if (parent is null)
        {
            return Marshal.GetLastPInvokeError() == NoSuchFile ? null : throw Failure($"{what} {path}");
        }
        var made = create && MakeDirectoryAt((int)parent.DangerousGetHandle(), name, 0x1c0) == 0;
        var handle = OpenDirectoryAt((int)parent.DangerousGetHandle(), name, OpenNoFollow);
        if (handle is null)
        {
            return Marshal.GetLastPInvokeError() == NoSuchFile ? null : throw Failure($"{what} {path}");
        }
        try
        {
            var stat = Stat(handle);
            var me = EffectiveUser();
            if (made && me == 0)
            {
                stat = AdoptOwnerOf(parent, handle, stat);
            }
            if (stat.Owner != me && me != 0)
            {
                throw new IOException($"{what} {path} belongs to user {stat.Owner}, not to {me}");
            }
            if ((stat.Mode & 0x3f) != 0)
            {
                throw new IOException($"{what} {path} is open to others; run: chmod 700 {path}");
            }
            return new PosixDirectory(handle, path, stat.Owner, stat.Group);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Names of the entries, without order.</summary>
    public IEnumerable<string> Names() => NamesIn(_handle);

    /// <summary>Creates a file that must not exist, 0600, owned like the directory.</summary>
    public SafeFileHandle Create(string name)
    {
        var fd = OpenAt(Descriptor, name, OpenWriteOnly | OpenCreate | OpenExclusive | OpenNoFollow | OpenCloseOnExec, 0x180);
        var handle = fd >= 0 ? new SafeFileHandle(fd, ownsHandle: true) : throw Failure($"{Path}/{name}");
        if (EffectiveUser() == 0 && Owner != 0 && ChangeOwner(fd, Owner, Group) != 0)
        {
            handle.Dispose();
            throw Failure($"{Path}/{name}");
        }
        return handle;
    }

    /// <summary>Opens a regular file of the directory's owner for reading; null when it is gone, a link, or anything else.</summary>
    public SafeFileHandle? OpenRead(string name, out long length)
    {
        length = 0;
        var fd = OpenAt(Descriptor, name, OpenReadOnly | OpenNoFollow | OpenNonBlocking | OpenCloseOnExec, 0);
        if (fd < 0)
        {
            return null;
        }
        var handle = new SafeFileHandle(fd, ownsHandle: true);
        var stat = Stat(handle);
        if ((stat.Mode & FileTypeMask) == RegularFile && stat.Owner == Owner)
        {
            length = checked((long)stat.Size);
            return handle;
        }
        handle.Dispose();
        return null;
    }

    public bool Rename(string from, string to) => RenameAt(Descriptor, from, Descriptor, to) == 0;

    public bool Remove(string name) => UnlinkAt(Descriptor, name, 0) == 0;

    public void Dispose() => _handle.Dispose();

    int Descriptor => (int)_handle.DangerousGetHandle();

    /// <summary>Only what is as it was just made is given away: private, root's and empty.</summary>
    static StatX AdoptOwnerOf(SafeFileHandle parent, SafeFileHandle made, StatX stat)
    {
        var owner = Stat(parent);
        return
            owner.Owner != 0
            && stat.Owner == 0
            && (stat.Mode & 0x3f) == 0
            && !NamesIn(made).Any()
            && ChangeOwner((int)made.DangerousGetHandle(), owner.Owner, owner.Group) == 0
            ? Stat(made)
            : stat;
    }

    /// <summary>By descriptor, so that what now stands under the path does not matter.</summary>
    static IEnumerable<string> NamesIn(SafeFileHandle directory) =>
        Directory
            .EnumerateFileSystemEntries(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{directory.DangerousGetHandle()}"))
            .Select(p => System.IO.Path.GetFileName(p));

    static SafeFileHandle? OpenDirectoryAt(int directory, string name, int flags)
    {
        var fd = OpenAt(directory, name, OpenReadOnly | OpenDirectory | OpenCloseOnExec | flags, 0);
        return fd < 0 ? null : new SafeFileHandle(fd, ownsHandle: true);
    }

    // Safe: `statx` fills at most the 256 bytes of the structure, whose layout is the same on every architecture (statx(2)).
    static StatX Stat(SafeFileHandle handle)
    {
        StatX stat;
        return StatAt((int)handle.DangerousGetHandle(), "", AtEmptyPath, StatBasic, &stat) == 0 ? stat : throw Failure("statx");
    }

    static IOException Failure(string what) => new($"{what}: {Marshal.GetLastPInvokeErrorMessage()}");

    [StructLayout(LayoutKind.Explicit, Size = 256)]
    struct StatX
    {
        [FieldOffset(20)]
        public uint Owner;

        [FieldOffset(24)]
        public uint Group;

        [FieldOffset(28)]
        public ushort Mode;

        [FieldOffset(40)]
        public ulong Size;
    }

    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenAt(int directory, string name, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "mkdirat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MakeDirectoryAt(int directory, string name, uint mode);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatAt(int directory, string name, int flags, uint mask, StatX* result);

    [LibraryImport("libc", EntryPoint = "renameat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameAt(int fromDirectory, string from, int toDirectory, string to);

    [LibraryImport("libc", EntryPoint = "unlinkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int UnlinkAt(int directory, string name, int flags);

    [LibraryImport("libc", EntryPoint = "fchown", SetLastError = true)]
    private static partial int ChangeOwner(int descriptor, uint owner, uint group);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint EffectiveUser();
}
