using System.Buffers;
using Microsoft.Win32.SafeHandles;
using Quorate.Core;
using Quorate.Core.Files;

namespace Quorate.Nix.Nar;

/// <summary>Visits a tree on disk. No symbolic link is followed, and a tree that a Nix archive cannot hold is refused.</summary>
public sealed class NarTree
{
    const int ReadSize = 128 << 10;

    readonly INarVisitor _visitor;
    readonly byte[] _buffer;
    readonly CancellationToken _cancellation;

    NarTree(INarVisitor visitor, byte[] buffer, CancellationToken cancellation)
    {
        _visitor = visitor;
        _buffer = buffer;
        _cancellation = cancellation;
    }

    /// <exception cref="IOException">Something cannot be read, or changed meanwhile.</exception>
    /// <exception cref="MalformedException">There is a device, pipe or socket, a name or target that is too long, or too deep a nesting.</exception>
    public static async Task VisitAsync(string path, INarVisitor visitor, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(ReadSize);
        try
        {
            await new NarTree(visitor, buffer, cancellationToken).RootAsync(path);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    async Task RootAsync(string path)
    {
        switch (RawTree.Status(path).Kind)
        {
            case RawKind.Regular:
                using (var file = RawTree.Open(path, directory: false))
                {
                    await FileAsync(file, path);
                }
                break;
            case RawKind.Directory:
                using (var folder = RawTree.Open(path, directory: true))
                {
                    await FolderAsync(folder, path, depth: 1);
                }
                break;
            case RawKind.SymbolicLink:
                await LinkAsync(RawTree.LinkTarget(path), path);
                break;
            default:
                throw NoFile(path);
        }
    }

    /// <param name="depth">Nodes above, this one counted.</param>
    async Task FolderAsync(SafeFileHandle folder, string shown, int depth)
    {
        _visitor.BeginFolder();
        var names = RawTree.Names(folder);
        names.Sort(static (left, right) => left.AsSpan().SequenceCompareTo(right));
        foreach (var name in names)
        {
            _cancellation.ThrowIfCancellationRequested();
            var path = $"{shown}/{NarFormat.Shown(name)}";
            if (!NarFormat.IsName(name))
            {
                throw new MalformedException($"{path}: the name is too long for a Nix archive");
            }
            if (depth == NarFormat.MaxDepth)
            {
                throw new MalformedException($"{path}: nested more than {NarFormat.MaxDepth} deep");
            }
            _visitor.Entry(name);
            switch (RawTree.Status(folder, name).Kind)
            {
                case RawKind.Regular:
                    using (var file = RawTree.Open(folder, name, directory: false))
                    {
                        await FileAsync(file, path);
                    }
                    break;
                case RawKind.Directory:
                    using (var inner = RawTree.Open(folder, name, directory: true))
                    {
                        await FolderAsync(inner, path, depth + 1);
                    }
                    break;
                case RawKind.SymbolicLink:
                    await LinkAsync(RawTree.LinkTarget(folder, name), path);
                    break;
                default:
                    throw NoFile(path);
            }
        }
        _visitor.EndFolder();
        await _visitor.DrainAsync(_cancellation);
    }

    async Task FileAsync(SafeFileHandle file, string shown)
    {
        // Asked of the open file: what the name was a moment ago is not what is read.
        var status = RawTree.Status(file);
        if (status.Kind != RawKind.Regular)
        {
            throw NoFile(shown);
        }
        _visitor.BeginFile(status.OwnerExecutable, (ulong)status.Size);
        for (long offset = 0; offset < status.Size; )
        {
            _cancellation.ThrowIfCancellationRequested();
            var wanted = (int)Math.Min(_buffer.Length, status.Size - offset);
            var read = RandomAccess.Read(file, _buffer.AsSpan(0, wanted), offset);
            if (read == 0)
            {
                throw new IOException($"{shown} became shorter while it was read");
            }
            _visitor.Contents(_buffer.AsSpan(0, read));
            offset += read;
            await _visitor.DrainAsync(_cancellation);
        }
        _visitor.EndFile();
        await _visitor.DrainAsync(_cancellation);
    }

    async Task LinkAsync(byte[] target, string shown)
    {
        if (!NarFormat.IsTarget(target))
        {
            throw new MalformedException($"{shown}: the link's target is too long for a Nix archive");
        }
        _visitor.Link(target);
        await _visitor.DrainAsync(_cancellation);
    }

    static MalformedException NoFile(string shown) => new($"{shown} is neither a file, a folder nor a symbolic link");
}
