using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Quorate.Core.Files;

/// <summary>What a name in a folder is.</summary>
public enum RawKind
{
    Regular,
    Directory,
    SymbolicLink,

    /// <summary>Device, pipe or socket.</summary>
    Other,
}

/// <summary>What the file system says of an open file.</summary>
/// <param name="OwnerExecutable">The owner's x bit, the only permission that a Nix archive keeps.</param>
public readonly record struct RawStatus(RawKind Kind, bool OwnerExecutable, long Size);

/// <summary>
/// Reads a tree as it is: names are bytes (the runtime's own calls read them as UTF-8 and cannot open a file whose name is not), a folder is
/// opened from the folder that it is in, and no symbolic link is ever followed below the root, so that nobody who changes the tree meanwhile
/// leads the reader out of it. Linux only.
/// </summary>
public static unsafe partial class RawTree
{
    const string Library = "libc";
    const int CurrentDirectory = -100;
    const int NonBlocking = 0x800;
    const int CloseOnExec = 0x80000;
    const int SymlinkNoFollow = 0x100;
    const int EmptyPath = 0x1000;
    const uint TypeModeSize = 0x1 | 0x2 | 0x200;
    const uint BasicFields = 0x7ff;
    const int EntriesBuffer = 32 << 10;

    // struct statx: the same on every processor.
    const int StatxSize = 256;
    const int ModeOffset = 28;
    const int InodeOffset = 32;
    const int SizeOffset = 40;
    const int ChangedOffset = 96;
    const int ModifiedOffset = 112;
    const int DeviceOffset = 136;

    // The two flags whose value differs between processors.
    static readonly bool s_armFlags =
        RuntimeInformation.ProcessArchitecture is Architecture.Arm or Architecture.Arm64 or Architecture.Ppc64le;
    static readonly int s_directory = s_armFlags ? 0x4000 : 0x10000;
    static readonly int s_noFollow = s_armFlags ? 0x8000 : 0x20000;

    /// <summary>What a path names; a link at its end is not followed.</summary>
    /// <exception cref="IOException">There is nothing, or it cannot be looked at.</exception>
    public static RawStatus Status(string path) => Status(CurrentDirectory, ZeroEnded(path), SymlinkNoFollow, path);

    /// <summary>What a name in an open folder is.</summary>
    /// <exception cref="IOException">There is nothing, or it cannot be looked at.</exception>
    public static RawStatus Status(SafeFileHandle folder, ReadOnlySpan<byte> name) =>
        Held(folder, ZeroEnded(name), static (descriptor, zeroEnded) => Status(descriptor, zeroEnded, SymlinkNoFollow, Shown(zeroEnded)));

    /// <summary>What an open file is now.</summary>
    public static RawStatus Status(SafeFileHandle file) =>
        Held(file, [0], static (descriptor, empty) => Status(descriptor, empty, EmptyPath, "an open file"));

    /// <summary>All that tells whether a path was touched; a link at its end is not followed.</summary>
    internal static RawStamp Stamp(string path) => Stamp(CurrentDirectory, ZeroEnded(path), path);

    /// <summary>The same of a name in an open folder.</summary>
    internal static RawStamp Stamp(SafeFileHandle folder, ReadOnlySpan<byte> name) =>
        Held(folder, ZeroEnded(name), static (descriptor, zeroEnded) => Stamp(descriptor, zeroEnded, Shown(zeroEnded)));

    /// <summary>Opens a folder or file by its path; a link at its end is refused.</summary>
    public static SafeFileHandle Open(string path, bool directory) => Open(CurrentDirectory, ZeroEnded(path), directory, path);

    /// <summary>Opens what a name in an open folder is; a link is refused. Never waits for a pipe's other end.</summary>
    public static SafeFileHandle Open(SafeFileHandle folder, ReadOnlySpan<byte> name, bool directory) =>
        directory
            ? Held(folder, ZeroEnded(name), static (descriptor, zeroEnded) => Open(descriptor, zeroEnded, true, Shown(zeroEnded)))
            : Held(folder, ZeroEnded(name), static (descriptor, zeroEnded) => Open(descriptor, zeroEnded, false, Shown(zeroEnded)));

    /// <summary>The names in an open folder but for <c>.</c> and <c>..</c>, in no order. A folder can be listed once.</summary>
    public static List<byte[]> Names(SafeFileHandle folder) => Held(folder, [], static (descriptor, _) => Names(descriptor));

    /// <summary>The target of a symbolic link.</summary>
    public static byte[] LinkTarget(string path) => LinkTarget(CurrentDirectory, ZeroEnded(path), path);

    /// <summary>The target of the symbolic link that a name in an open folder is.</summary>
    public static byte[] LinkTarget(SafeFileHandle folder, ReadOnlySpan<byte> name) =>
        Held(folder, ZeroEnded(name), static (descriptor, zeroEnded) => LinkTarget(descriptor, zeroEnded, Shown(zeroEnded)));

    static SafeFileHandle Open(int folder, byte[] name, bool directory, string shown)
    {
        var descriptor = OpenAt(folder, name, CloseOnExec | NonBlocking | s_noFollow | (directory ? s_directory : 0));
        return descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true) : throw Failure("open", shown);
    }

    static RawStatus Status(int folder, byte[] name, int flags, string shown)
    {
        Span<byte> fields = stackalloc byte[StatxSize];
        Fill(folder, name, flags, TypeModeSize, fields, shown);
        var mode = MemoryMarshal.Read<ushort>(fields[ModeOffset..]);
        return new RawStatus(KindOf(mode), (mode & 0x40) != 0, checked((long)MemoryMarshal.Read<ulong>(fields[SizeOffset..])));
    }

    static RawStamp Stamp(int folder, byte[] name, string shown)
    {
        Span<byte> fields = stackalloc byte[StatxSize];
        Fill(folder, name, SymlinkNoFollow, BasicFields, fields, shown);
        var mode = MemoryMarshal.Read<ushort>(fields[ModeOffset..]);
        return new RawStamp(
            KindOf(mode),
            mode,
            MemoryMarshal.Read<ulong>(fields[DeviceOffset..]),
            MemoryMarshal.Read<ulong>(fields[InodeOffset..]),
            MemoryMarshal.Read<ulong>(fields[SizeOffset..]),
            TimeAt(fields[ModifiedOffset..]),
            TimeAt(fields[ChangedOffset..])
        );
    }

    static RawTime TimeAt(ReadOnlySpan<byte> field) => new(MemoryMarshal.Read<long>(field), MemoryMarshal.Read<uint>(field[8..]));

    static RawKind KindOf(ushort mode) =>
        (mode & 0xf000) switch
        {
            0x8000 => RawKind.Regular,
            0x4000 => RawKind.Directory,
            0xa000 => RawKind.SymbolicLink,
            _ => RawKind.Other,
        };

    static void Fill(int folder, byte[] name, int flags, uint mask, Span<byte> fields, string shown)
    {
        fixed (byte* status = fields)
        {
            // Safe: the kernel writes one struct statx, whose size is fixed and is that of the span.
            if (Statx(folder, name, flags, mask, status) != 0)
            {
                throw Failure("look at", shown);
            }
        }
    }

    static List<byte[]> Names(int folder)
    {
        var names = new List<byte[]>();
        var buffer = new byte[EntriesBuffer];
        while (true)
        {
            nint length;
            fixed (byte* start = buffer)
            {
                // Safe: the kernel writes at most the length that it is told.
                length = GetEntries(folder, start, (nuint)buffer.Length);
            }
            if (length < 0)
            {
                throw Failure("list", "a folder");
            }
            if (length == 0)
            {
                return names;
            }
            // struct linux_dirent64: inode (8), offset (8), record length (2), type (1), name, zero.
            for (var rest = buffer.AsSpan(0, (int)length); !rest.IsEmpty; rest = rest[BinaryLength(rest)..])
            {
                var name = rest[19..BinaryLength(rest)];
                name = name[..name.IndexOf((byte)0)];
                if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8))
                {
                    names.Add(name.ToArray());
                }
            }
        }

        static int BinaryLength(ReadOnlySpan<byte> entry) => MemoryMarshal.Read<ushort>(entry[16..]);
    }

    static byte[] LinkTarget(int folder, byte[] name, string shown)
    {
        for (var size = 4096; ; size *= 2)
        {
            var target = new byte[size];
            nint length;
            fixed (byte* start = target)
            {
                // Safe: the kernel writes at most the length that it is told.
                length = ReadLinkAt(folder, name, start, (nuint)size);
            }
            if (length < 0)
            {
                throw Failure("read the link", shown);
            }
            if (length < size)
            {
                return target[..(int)length];
            }
        }
    }

    /// <summary>Keeps the handle open during a call that needs its number.</summary>
    static T Held<T>(SafeFileHandle handle, byte[] name, Func<int, byte[], T> call)
    {
        var added = false;
        try
        {
            handle.DangerousAddRef(ref added);
            return call((int)handle.DangerousGetHandle(), name);
        }
        finally
        {
            if (added)
            {
                handle.DangerousRelease();
            }
        }
    }

    static byte[] ZeroEnded(string path) =>
        path.Contains('\0', StringComparison.Ordinal)
            ? throw new IOException("a path contains a zero")
            : [.. Encoding.UTF8.GetBytes(path), 0];

    static byte[] ZeroEnded(ReadOnlySpan<byte> name) => [.. name, 0];

    static string Shown(byte[] zeroEnded) => Encoding.UTF8.GetString(zeroEnded.AsSpan()[..^1]);

    static IOException Failure(string what, string shown) => new($"cannot {what} {shown}: {Marshal.GetLastPInvokeErrorMessage()}");

    [LibraryImport(Library, EntryPoint = "openat", SetLastError = true)]
    private static partial int OpenAt(int folder, byte[] name, int flags);

    [LibraryImport(Library, EntryPoint = "statx", SetLastError = true)]
    private static partial int Statx(int folder, byte[] name, int flags, uint mask, byte* status);

    [LibraryImport(Library, EntryPoint = "getdents64", SetLastError = true)]
    private static partial nint GetEntries(int folder, byte* entries, nuint length);

    [LibraryImport(Library, EntryPoint = "readlinkat", SetLastError = true)]
    private static partial nint ReadLinkAt(int folder, byte[] name, byte* target, nuint length);
}
