using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Nix.Nar;
using Xunit;

namespace Quorate.Tests.Nix.Nar;

public sealed class NarFeedTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("nar").FullName;

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task FromDisk_any_tree_gives_its_archive()
    {
        foreach (
            var (tree, i) in Gen.Sample(Tree.Any(["", "x", "12345678", new string('y', 300_000)]).Generator, 40, 8).Select((t, i) => (t, i))
        )
        {
            var path = Path.Combine(_folder, $"{i}");
            tree.WriteTo(path);
            // Names become UTF-8 on the disk.
            var expected = OnDisk(tree).ToArchive();
            var archive = new Collected();
            await NarFeed.FromDiskAsync(path, [archive], Cancellation);
            Assert.Equal(expected, archive.Bytes);
            Assert.Equal((Sha256Digest.HashData(expected), (ulong)expected.Length), await NarFeed.HashAsync(path, Cancellation));
        }
    }

    [Fact]
    public async Task FromDisk_link_is_archived_not_followed()
    {
        var path = Path.Combine(_folder, "link");
        File.CreateSymbolicLink(path, "/etc/passwd");
        var archive = new Collected();
        await NarFeed.FromDiskAsync(path, [archive], Cancellation);
        Assert.Equal(new Tree.Link("/etc/passwd").ToArchive(), archive.Bytes);
    }

    [Fact]
    public async Task FromDisk_group_and_others_may_execute_what_is_no_program()
    {
        var path = Path.Combine(_folder, "file");
        new Tree.File(false, "x").WriteTo(path);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        var archive = new Collected();
        await NarFeed.FromDiskAsync(path, [archive], Cancellation);
        Assert.Equal(new Tree.File(false, "x").ToArchive(), archive.Bytes);
    }

    [Fact]
    public async Task FromDisk_nothing_there_is_an_error() =>
        await Assert.ThrowsAsync<IOException>(() => NarFeed.HashAsync(Path.Combine(_folder, "none"), Cancellation));

    [Fact]
    public async Task FromDisk_device_is_refused() =>
        await Assert.ThrowsAsync<MalformedException>(() => NarFeed.HashAsync("/dev/null", Cancellation));

    [Fact]
    public async Task FromDisk_sink_that_refuses_ends_it_with_the_sinks_error()
    {
        var path = Path.Combine(_folder, "large");
        new Tree.File(false, new string('x', 5_000_000)).WriteTo(path);
        var error = await Assert.ThrowsAsync<MalformedException>(() => NarFeed.FromDiskAsync(path, [new Refusing()], Cancellation));
        Assert.Equal("refused", error.Message);
    }

    [Fact]
    public async Task FromArchive_gives_tree_and_bytes()
    {
        Tree tree = Tree.Of(("a", new Tree.File(true, "x")), ("b", new Tree.Link("y")));
        var visitor = new TreeReader();
        var bytes = new Collected();
        await NarFeed.FromArchiveAsync(new MemoryStream(tree.ToArchive()), visitor, [bytes], Cancellation);
        Assert.Equal(tree, visitor.Root);
        Assert.Equal(tree.ToArchive(), bytes.Bytes);
    }

    static Tree OnDisk(Tree tree) =>
        tree switch
        {
            Tree.Folder folder => Tree.Of([.. folder.Entries.Select(e => (Utf8(e.Key), OnDisk(e.Value)))]),
            Tree.Link link => new Tree.Link(Utf8(link.Target)),
            _ => tree,
        };

    static string Utf8(string text) => System.Text.Encoding.Latin1.GetString(System.Text.Encoding.UTF8.GetBytes(text));

    sealed class Collected : IByteSink
    {
        readonly List<byte> _bytes = [];

        public byte[] Bytes => [.. _bytes];

        public void Write(ReadOnlySpan<byte> bytes) => _bytes.AddRange(bytes);
    }

    sealed class Refusing : IByteSink
    {
        public void Write(ReadOnlySpan<byte> bytes) => throw new MalformedException("refused");
    }
}
