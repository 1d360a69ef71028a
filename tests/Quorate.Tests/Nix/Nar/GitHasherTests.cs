using System.Security.Cryptography;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Core.Encodings;
using Quorate.Nix.Nar;
using Xunit;

namespace Quorate.Tests.Nix.Nar;

public sealed class GitHasherTests
{
    // What `git hash-object` and `git mktree` print.
    [Fact]
    public void Root_of_a_file_is_its_blob() =>
        Assert.Equal("45b983be36b73c0788dc9cbcb76cbb80fc7bb057", Root(new Tree.File(false, "hi\n"), "sha1"));

    [Theory]
    [InlineData("sha1", "4b825dc642cb6eb9a060e54bf8d69288fbee4904")]
    [InlineData("sha256", "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321")]
    public void Root_of_an_empty_folder_is_the_empty_tree(string algorithm, string hash) => Assert.Equal(hash, Root(Tree.Of(), algorithm));

    // Git puts the folder `a` where a file called `a/` would be: after `a-` and `a.`, before `a0`.
    [Fact]
    public void Root_of_a_folder_has_its_entries_in_the_order_of_Git()
    {
        var empty = new Tree.File(false, "");
        var folder = Tree.Of(("a", Tree.Of()), ("a-", empty), ("a.", empty), ("a0", empty));
        const string Blob = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";
        const string Folder = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
        Assert.Equal(TreeOf(("100644 a-", Blob), ("100644 a.", Blob), ("40000 a", Folder), ("100644 a0", Blob)), Root(folder, "sha1"));
    }

    [Fact]
    public void Root_tells_files_programs_and_links_apart_by_their_modes()
    {
        var folder = Tree.Of(("f", new Tree.File(false, "x")), ("l", new Tree.Link("x")), ("p", new Tree.File(true, "x")));
        var blob = Root(new Tree.File(false, "x"), "sha1");
        Assert.Equal(TreeOf(("100644 f", blob), ("120000 l", blob), ("100755 p", blob)), Root(folder, "sha1"));
    }

    [Fact]
    public void Root_of_any_tree_is_what_the_definition_says_however_its_archive_is_cut() =>
        Prop.ForAll(
                Tree.Any(["", "x", "tree 0\0", new string('y', 70_000)]),
                Gen.Elements("sha1", "sha256").ToArbitrary(),
                Gen.Choose(1, 5000).ToArbitrary(),
                (tree, algorithm, cut) => tree is not Tree.Folder || Root(tree, algorithm, cut) == Hex.Encode(Defined(tree, algorithm))
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Tree_is_passed_on_as_it_came() =>
        Prop.ForAll(
                Tree.Any(["", "x"]),
                tree =>
                {
                    var passed = new TreeReader();
                    using var hash = ContentHasher.Create("sha1");
                    Tree.Of(("in", tree)).Accept(new GitHasher(passed, hash));
                    return tree.Equals(((Tree.Folder)passed.Root!).Entries["in"]);
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Program_or_link_in_no_folder_has_no_hash()
    {
        Assert.Throws<UnaddressableException>(() => Root(new Tree.File(true, "x"), "sha1"));
        Assert.Throws<UnaddressableException>(() => Root(new Tree.Link("x"), "sha1"));
    }

    [Fact]
    public void Entries_of_open_folders_are_bounded_and_closed_ones_count_no_more()
    {
        using var hash = ContentHasher.Create("sha1");
        var git = new GitHasher(new TreeReader(), hash);
        var name = new byte[NarFormat.MaxName];
        var entry = "100644 ".Length + name.Length + 1 + 20;
        git.BeginFolder();
        git.Entry("a"u8);
        git.BeginFolder();
        for (var i = 0; i < GitHasher.MaxOpen / entry; i++)
        {
            Add(i);
        }
        Assert.Throws<MalformedException>(() => Add(-1));

        git = new GitHasher(new TreeReader(), hash);
        git.BeginFolder();
        for (var folder = 0; folder < 3; folder++)
        {
            git.Entry([(byte)('a' + folder)]);
            git.BeginFolder();
            for (var i = 0; i < GitHasher.MaxOpen / entry / 2; i++)
            {
                Add(i);
            }
            git.EndFolder();
        }
        git.EndFolder();

        void Add(int number)
        {
            BitConverter.TryWriteBytes(name, number);
            git.Entry(name);
            git.BeginFile(executable: false, 0);
            git.EndFile();
        }
    }

    static string Root(Tree tree, string algorithm, int cut = int.MaxValue)
    {
        using var hash = ContentHasher.Create(algorithm);
        var git = new GitHasher(new TreeReader(), hash);
        var reader = new NarReader(git);
        foreach (var piece in tree.ToArchive().Chunk(cut))
        {
            reader.Write(piece);
        }
        reader.Complete();
        return Hex.Encode(git.Root);
    }

    static string TreeOf(params (string ModeAndName, string Hash)[] entries)
    {
        byte[] body =
        [
            .. entries.SelectMany(entry => (byte[])[.. Tree.Bytes(entry.ModeAndName + '\0'), .. Convert.FromHexString(entry.Hash)]),
        ];
        return Hex.Encode(Object("tree", body, "sha1"));
    }

    /// <summary>The definition, at its simplest.</summary>
    static byte[] Defined(Tree tree, string algorithm) =>
        tree switch
        {
            Tree.File file => Object("blob", Tree.Bytes(file.Text), algorithm),
            Tree.Link link => Object("blob", Tree.Bytes(link.Target), algorithm),
            Tree.Folder folder => Object(
                "tree",
                [
                    .. folder
                        .Entries.OrderBy(entry => entry.Key + (entry.Value is Tree.Folder ? "/" : ""), StringComparer.Ordinal)
                        .SelectMany(entry =>
                            (byte[])[.. Tree.Bytes($"{Mode(entry.Value)} {entry.Key}\0"), .. Defined(entry.Value, algorithm)]
                        ),
                ],
                algorithm
            ),
            _ => throw new InvalidOperationException(),
        };

    static string Mode(Tree tree) =>
        tree switch
        {
            Tree.File { Executable: true } => "100755",
            Tree.File => "100644",
            Tree.Link => "120000",
            _ => "40000",
        };

    static byte[] Object(string kind, byte[] body, string algorithm)
    {
        byte[] whole = [.. Encoding.ASCII.GetBytes($"{kind} {body.Length}\0"), .. body];
        return CryptographicOperations.HashData(algorithm == "sha1" ? HashAlgorithmName.SHA1 : HashAlgorithmName.SHA256, whole);
    }
}
