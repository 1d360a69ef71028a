using System.Buffers;
using System.Text;
using Quorate.Core;

namespace Quorate.Nix.Nar;

/// <summary>
/// Git's hash of the tree that it visits, which it passes on: a file or link is a <c>blob</c>, a folder a <c>tree</c> of its entries' modes, names
/// and hashes. Contents are hashed as they come; of folders that are open the entries are kept, because Git writes their length first. Not thread-safe.
/// </summary>
/// <param name="hash">SHA-1 or SHA-256. One object is hashed at a time: children come to their end before their folder is hashed.</param>
sealed class GitHasher(INarVisitor inner, ContentHasher hash) : INarVisitor
{
    /// <summary>The entries of all open folders may take this many bytes; a million of usual length do.</summary>
    public const int MaxOpen = 64 << 20;

    readonly Stack<GitFolder> _open = new();
    byte[]? _root;
    bool _executable;
    int _openBytes;

    /// <summary>The hash of the whole tree.</summary>
    public byte[] Root => _root ?? throw new InvalidOperationException("the tree is not at its end");

    public void BeginFile(bool executable, ulong length)
    {
        if (executable)
        {
            MustHaveFolder();
        }
        _executable = executable;
        BeginObject($"blob {length}");
        inner.BeginFile(executable, length);
    }

    public void Contents(ReadOnlySpan<byte> piece)
    {
        hash.Write(piece);
        inner.Contents(piece);
    }

    public void EndFile()
    {
        EndObject(_executable ? GitMode.Executable : GitMode.Regular);
        inner.EndFile();
    }

    public void Link(ReadOnlySpan<byte> target)
    {
        MustHaveFolder();
        BeginObject($"blob {target.Length}");
        hash.Write(target);
        EndObject(GitMode.Link);
        inner.Link(target);
    }

    public void BeginFolder()
    {
        _open.Push(new GitFolder());
        inner.BeginFolder();
    }

    public void Entry(ReadOnlySpan<byte> name)
    {
        _open.Peek().NextName = name.ToArray();
        inner.Entry(name);
    }

    public void EndFolder()
    {
        var folder = _open.Pop();
        BeginObject($"tree {folder.Length}");
        folder.WriteTo(hash);
        _openBytes -= folder.Length;
        EndObject(GitMode.Folder);
        inner.EndFolder();
    }

    public ValueTask DrainAsync(CancellationToken cancellationToken) => inner.DrainAsync(cancellationToken);

    void BeginObject(string header) => hash.Write(Encoding.ASCII.GetBytes(header + '\0'));

    void EndObject(GitMode mode)
    {
        var name = hash.Finish();
        if (!_open.TryPeek(out var folder))
        {
            _root = name;
            return;
        }
        _openBytes += folder.Add(mode, name);
        if (_openBytes > MaxOpen)
        {
            throw new MalformedException($"the open folders have more than {MaxOpen} bytes of entries");
        }
    }

    /// <summary>Git knows what is executable and what is a link from the folder that it is in.</summary>
    void MustHaveFolder()
    {
        if (_open.Count == 0)
        {
            throw new UnaddressableException("an executable file or a link that is in no folder has no Git hash of its own");
        }
    }
}

enum GitMode
{
    Regular,
    Executable,
    Link,
    Folder,
}

/// <summary>What is known of an open folder: its entries as Git writes them, in the order in which they came.</summary>
sealed class GitFolder
{
    readonly ArrayBufferWriter<byte> _entries = new();
    readonly List<Entry> _order = [];

    readonly record struct Entry(int Start, int NameStart, int NameLength, int Length, bool IsFolder);

    /// <summary>Of the entry that will be added.</summary>
    public byte[] NextName { get; set; } = [];

    /// <summary>In bytes.</summary>
    public int Length => _entries.WrittenCount;

    /// <returns>The bytes that the entry takes.</returns>
    public int Add(GitMode mode, ReadOnlySpan<byte> hash)
    {
        var start = Length;
        _entries.Write(
            mode switch
            {
                GitMode.Regular => "100644 "u8,
                GitMode.Executable => "100755 "u8,
                GitMode.Link => "120000 "u8,
                _ => "40000 "u8,
            }
        );
        var name = Length;
        _entries.Write(NextName);
        _entries.Write("\0"u8);
        _entries.Write(hash);
        var length = Length - start;
        _order.Add(new Entry(start, name, NextName.Length, length, mode == GitMode.Folder));
        return length;
    }

    public void WriteTo(IByteSink sink)
    {
        _order.Sort(InOrderOfGit);
        foreach (var entry in _order)
        {
            sink.Write(_entries.WrittenSpan.Slice(entry.Start, entry.Length));
        }
    }

    /// <summary>By the bytes of the names, a folder's as if a slash were at its end.</summary>
    int InOrderOfGit(Entry left, Entry right)
    {
        var common = Math.Min(left.NameLength, right.NameLength);
        var order = Name(left)[..common].SequenceCompareTo(Name(right)[..common]);
        return order != 0 ? order : After(left, common) - After(right, common);
    }

    int After(Entry entry, int common) =>
        common < entry.NameLength ? Name(entry)[common]
        : entry.IsFolder ? '/'
        : 0;

    ReadOnlySpan<byte> Name(Entry entry) => _entries.WrittenSpan.Slice(entry.NameStart, entry.NameLength);
}
