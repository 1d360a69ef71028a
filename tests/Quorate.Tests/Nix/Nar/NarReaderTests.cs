using System.Buffers.Binary;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Core.Encodings;
using Quorate.Nix.Nar;
using Xunit;

namespace Quorate.Tests.Nix.Nar;

public sealed class NarReaderTests
{
    [Fact]
    public void Encoder_known_file_gives_known_bytes()
    {
        // `nix-store --dump` of a file with the three bytes "hi\n", 120 bytes.
        var archive = new Tree.File(false, "hi\n").ToArchive();
        Assert.Equal(
            "0d000000000000006e69782d617263686976652d31000000010000000000000028000000000000000400000000000000747970650000000007000000000000007265"
                + "67756c6172000800000000000000636f6e74656e7473030000000000000068690a000000000001000000000000002900000000000000",
            Hex.Encode(archive)
        );
    }

    [Fact]
    public void Read_any_tree_gives_it_back_however_it_is_cut() =>
        Prop.ForAll(
                Tree.Any(["", "x", "12345678", "\0\u00ff", "some text"]),
                Gen.Choose(1, 40).ToArbitrary(),
                (tree, cut) => TreeReader.Read(tree.ToArchive(), cut).Equals(tree)
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Read_any_archive_with_a_changed_byte_is_refused_or_is_another_tree() =>
        Prop.ForAll(
                Tree.Any(["", "x", "12345678"]),
                Gen.Choose(0, int.MaxValue).ToArbitrary(),
                (tree, seed) =>
                {
                    var archive = tree.ToArchive();
                    archive[seed % archive.Length] ^= (byte)(1 << (seed / 7 % 8));
                    try
                    {
                        return TreeReader.Read(archive).ToArchive().AsSpan().SequenceEqual(archive);
                    }
                    catch (MalformedException)
                    {
                        return true;
                    }
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Read_every_beginning_of_an_archive_is_cut_off()
    {
        var archive = Tree.Of(("a", new Tree.Link("b")), ("c", new Tree.File(true, "text"))).ToArchive();
        for (var length = 0; length < archive.Length; length++)
        {
            Assert.Throws<MalformedException>(() => TreeReader.Read(archive.AsSpan(0, length)));
        }
    }

    [Fact]
    public void Read_bytes_after_the_end_are_refused()
    {
        byte[] archive = [.. new Tree.Link("x").ToArchive(), 0];
        Assert.Throws<MalformedException>(() => TreeReader.Read(archive));
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("a\0")]
    public void Read_a_name_that_no_file_can_have_is_refused(string name) =>
        Assert.Throws<MalformedException>(() => TreeReader.Read(Tree.Of((name, new Tree.Link("x"))).ToArchive()));

    [Theory]
    [InlineData(NarFormat.MaxName, true)]
    [InlineData(NarFormat.MaxName + 1, false)]
    public void Read_names_have_a_longest_length(int length, bool valid) =>
        AssertReadable(valid, Tree.Of((new string('a', length), new Tree.Link("x"))));

    [Theory]
    [InlineData(0, false)]
    [InlineData(NarFormat.MaxTarget, true)]
    [InlineData(NarFormat.MaxTarget + 1, false)]
    public void Read_targets_have_a_longest_length(int length, bool valid) => AssertReadable(valid, new Tree.Link(new string('a', length)));

    [Theory]
    [InlineData(NarFormat.MaxDepth - 1, true)]
    [InlineData(NarFormat.MaxDepth, false)]
    public void Read_nesting_has_a_greatest_depth(int folders, bool valid)
    {
        Tree tree = new Tree.Link("x");
        for (var i = 0; i < folders; i++)
        {
            tree = Tree.Of(("a", tree));
        }
        AssertReadable(valid, tree);
    }

    [Theory]
    [InlineData("b", "a")]
    [InlineData("a", "a")]
    [InlineData("a", "B")]
    public void Read_names_that_do_not_ascend_are_refused(string first, string second)
    {
        var archive = Archive(["(", "type", "directory", .. Entry(first), .. Entry(second), ")"]);
        var error = Assert.Throws<MalformedException>(() => TreeReader.Read(archive));
        Assert.Contains("do not ascend", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("(", "type", "regular", ")")]
    [InlineData("(", "type", "regular", "executable", "x", "contents", "", ")")]
    [InlineData("(", "type", "regular", "executable", "", "executable", "", "contents", "", ")")]
    [InlineData("(", "type", "regular", "contents", "", "contents", "", ")")]
    [InlineData("(", "type", "fifo", ")")]
    [InlineData("(", "type", "symlink", "target", "a\0b", ")")]
    [InlineData("(", "type", "directory", "entry", "(", "name", "a", ")", ")")]
    [InlineData("(", "typo", "directory", ")")]
    public void Read_anything_but_the_one_grammar_is_refused(params string[] strings) =>
        Assert.Throws<MalformedException>(() => TreeReader.Read(Archive(strings)));

    [Theory]
    [InlineData(ulong.MaxValue)]
    [InlineData(1UL << 63)]
    public void Read_contents_of_an_impossible_length_are_refused_at_once(ulong length)
    {
        var archive = new Tree.File(false, "").ToArchive();
        BinaryPrimitives.WriteUInt64LittleEndian(archive.AsSpan(archive.Length - 24), length);
        Assert.Throws<MalformedException>(() => TreeReader.Read(archive));
    }

    static void AssertReadable(bool readable, Tree tree)
    {
        var archive = tree.ToArchive();
        if (readable)
        {
            Assert.Equal(tree, TreeReader.Read(archive));
        }
        else
        {
            Assert.Throws<MalformedException>(() => TreeReader.Read(archive));
        }
    }

    static string[] Entry(string name) => ["entry", "(", "name", name, "node", "(", "type", "symlink", "target", "x", ")", ")"];

    static byte[] Archive(params string[] strings)
    {
        var bytes = new List<byte>();
        foreach (var text in strings.Prepend("nix-archive-1"))
        {
            bytes.AddRange(BitConverter.GetBytes((ulong)text.Length));
            bytes.AddRange(Encoding.Latin1.GetBytes(text));
            bytes.AddRange(new byte[NarFormat.Padding((ulong)text.Length)]);
        }
        return [.. bytes];
    }
}
