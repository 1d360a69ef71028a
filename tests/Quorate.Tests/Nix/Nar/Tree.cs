using System.Buffers;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Nix.Nar;

namespace Quorate.Tests.Nix.Nar;

/// <summary>A tree in memory: what tests archive and what they read back.</summary>
abstract record Tree
{
    public sealed record File(bool Executable, string Text) : Tree;

    public sealed record Link(string Target) : Tree;

    public sealed record Folder(SortedDictionary<string, Tree> Entries) : Tree
    {
        public bool Equals(Folder? other) => other is not null && Entries.SequenceEqual(other.Entries);

        public override int GetHashCode() => Entries.Count;
    }

    public static Folder Of(params (string Name, Tree Node)[] entries) =>
        new(new SortedDictionary<string, Tree>(entries.ToDictionary(e => e.Name, e => e.Node), StringComparer.Ordinal));

    /// <summary>Texts are Latin-1, so that every byte occurs.</summary>
    public static byte[] Bytes(string text) => System.Text.Encoding.Latin1.GetBytes(text);

    public byte[] ToArchive()
    {
        var output = new ArrayBufferWriter<byte>();
        Accept(new NarEncoder(output));
        return output.WrittenSpan.ToArray();
    }

    public void Accept(INarVisitor visitor)
    {
        switch (this)
        {
            case File file:
                visitor.BeginFile(file.Executable, (ulong)file.Text.Length);
                visitor.Contents(Bytes(file.Text));
                visitor.EndFile();
                break;
            case Link link:
                visitor.Link(Bytes(link.Target));
                break;
            case Folder folder:
                visitor.BeginFolder();
                foreach (var (name, node) in folder.Entries)
                {
                    visitor.Entry(Bytes(name));
                    node.Accept(visitor);
                }
                visitor.EndFolder();
                break;
            default:
                throw new InvalidOperationException();
        }
    }

    /// <summary>Makes the tree on disk; its names must be UTF-8.</summary>
    public void WriteTo(string path)
    {
        switch (this)
        {
            case File file:
                System.IO.File.WriteAllBytes(path, Bytes(file.Text));
                var mode =
                    UnixFileMode.UserRead | UnixFileMode.UserWrite | (file.Executable ? UnixFileMode.UserExecute : UnixFileMode.None);
                System.IO.File.SetUnixFileMode(path, mode);
                break;
            case Link link:
                System.IO.File.CreateSymbolicLink(path, link.Target);
                break;
            case Folder folder:
                Directory.CreateDirectory(path);
                foreach (var (name, node) in folder.Entries)
                {
                    node.WriteTo(Path.Combine(path, name));
                }
                break;
            default:
                throw new InvalidOperationException();
        }
    }

    public static Arbitrary<Tree> Any(IEnumerable<string> words)
    {
        var text = Few(Gen.Elements(words)).Select(pieces => string.Concat(pieces));
        var names = Gen.Elements("a", "b", "B", "a b", "é", "~", "a.", "a-", "zz", "\u00ff");
        var leaf = Gen.OneOf(
            from executable in Gen.Elements(true, false)
            from contents in text
            select (Tree)new File(executable, contents),
            Gen.Elements("x", "/nix/store", "../ä", "a long target of a link").Select(target => (Tree)new Link(target))
        );
        return Node(3).ToArbitrary();

        // Large trees only take longer.
        static Gen<List<T>> Few<T>(Gen<T> items) => Gen.Choose(0, 4).SelectMany(count => items.ListOf(count));

        Gen<Tree> Node(int depth) =>
            depth == 0
                ? leaf
                : Gen.OneOf(
                    leaf,
                    from chosen in Few(names)
                    from nodes in Node(depth - 1).ListOf(chosen.Count)
                    select (Tree)Of([.. chosen.Zip(nodes).DistinctBy(pair => pair.First)])
                );
    }
}

/// <summary>Puts the tree that it visits together again.</summary>
sealed class TreeReader : INarVisitor
{
    readonly Stack<(Tree.Folder Folder, string Name)> _open = new();
    readonly List<byte> _contents = [];
    string _entry = "";
    bool _executable;

    public Tree? Root { get; private set; }

    public static Tree Read(ReadOnlySpan<byte> archive, int cut = int.MaxValue)
    {
        var tree = new TreeReader();
        var reader = new NarReader(tree);
        while (!archive.IsEmpty)
        {
            var piece = archive[..Math.Min(cut, archive.Length)];
            reader.Write(piece);
            archive = archive[piece.Length..];
        }
        reader.Complete();
        return tree.Root!;
    }

    public void BeginFile(bool executable, ulong length)
    {
        _executable = executable;
        _contents.Clear();
    }

    public void Contents(ReadOnlySpan<byte> piece) => _contents.AddRange(piece);

    public void EndFile() => Add(new Tree.File(_executable, Text([.. _contents])));

    public void Link(ReadOnlySpan<byte> target) => Add(new Tree.Link(Text(target)));

    public void BeginFolder() => _open.Push((Tree.Of(), _entry));

    public void Entry(ReadOnlySpan<byte> name) => _entry = Text(name);

    public void EndFolder()
    {
        var (folder, name) = _open.Pop();
        _entry = name;
        Add(folder);
    }

    public ValueTask DrainAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    void Add(Tree node)
    {
        if (_open.TryPeek(out var parent))
        {
            parent.Folder.Entries.Add(_entry, node);
        }
        else
        {
            Root = node;
        }
    }

    static string Text(ReadOnlySpan<byte> bytes) => System.Text.Encoding.Latin1.GetString(bytes);
}
