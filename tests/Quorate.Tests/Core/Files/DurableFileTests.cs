using Quorate.Core.Files;
using Xunit;

namespace Quorate.Tests.Core.Files;

public sealed class DurableFileTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("quorate-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    string PathOf(string name) => Path.Combine(_folder, name);

    [Fact]
    public void Replace_writes_new_and_existing_files_and_leaves_nothing_else()
    {
        DurableFile.Replace(PathOf("f"), "one"u8);
        DurableFile.Replace(PathOf("f"), "two"u8);
        Assert.Equal("two", File.ReadAllText(PathOf("f")));
        Assert.Equal([PathOf("f")], Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void Replace_of_a_link_leaves_its_target_alone()
    {
        File.WriteAllText(PathOf("target"), "old");
        File.CreateSymbolicLink(PathOf("link"), PathOf("target"));
        DurableFile.Replace(PathOf("link"), "new"u8);
        Assert.Equal("old", File.ReadAllText(PathOf("target")));
        Assert.Null(new FileInfo(PathOf("link")).LinkTarget);
        Assert.Equal("new", File.ReadAllText(PathOf("link")));
    }

    [Fact]
    public void Replace_of_a_public_file_by_a_private_one_makes_it_private()
    {
        DurableFile.Replace(PathOf("f"), "one"u8);
        DurableFile.Replace(PathOf("f"), "two"u8, DurableFile.Private);
        Assert.Equal(DurableFile.Private, File.GetUnixFileMode(PathOf("f")));
    }

    [Theory]
    [InlineData("/proc/quorate")]
    [InlineData("/proc/nowhere/quorate")]
    public void Replace_where_nothing_may_be_written_is_an_io_error_that_names_the_file(string path)
    {
        // Nobody may create files there, not even root.
        var error = Assert.Throws<IOException>(() => DurableFile.Replace(path, "new"u8));
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(".tmp", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Create_of_a_new_file_has_the_content_and_mode()
    {
        DurableFile.Create(PathOf("f"), "one"u8, DurableFile.Private);
        Assert.Equal("one", File.ReadAllText(PathOf("f")));
        Assert.Equal(DurableFile.Private, File.GetUnixFileMode(PathOf("f")));
        Assert.Equal([PathOf("f")], Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void Create_over_anything_is_refused_and_changes_nothing()
    {
        File.WriteAllText(PathOf("f"), "old");
        Directory.CreateDirectory(PathOf("d"));
        File.CreateSymbolicLink(PathOf("dangling"), PathOf("nowhere"));
        foreach (var name in (string[])["f", "d", "dangling"])
        {
            Assert.Throws<IOException>(() => DurableFile.Create(PathOf(name), "new"u8));
        }
        Assert.Equal("old", File.ReadAllText(PathOf("f")));
        Assert.False(File.Exists(PathOf("nowhere")));
        Assert.Equal(3, Directory.GetFileSystemEntries(_folder).Length);
    }

    [Fact]
    public void Replace_of_a_directory_is_refused_and_leaves_nothing_behind()
    {
        Directory.CreateDirectory(PathOf("d"));
        Assert.ThrowsAny<IOException>(() => DurableFile.Replace(PathOf("d"), "x"u8));
        Assert.Single(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void Replace_in_a_missing_directory_is_an_error() =>
        Assert.ThrowsAny<IOException>(() => DurableFile.Replace(PathOf("missing/f"), "x"u8));

    [Fact]
    public void Flushes_succeed_on_real_files_and_name_what_is_missing()
    {
        using var file = File.OpenHandle(PathOf("f"), FileMode.CreateNew, FileAccess.Write);
        RandomAccess.Write(file, "x"u8, 0);
        DurableFile.FlushData(file);
        DurableFile.FlushDirectory(_folder);
        Assert.Contains(
            "missing",
            Assert.Throws<IOException>(() => DurableFile.FlushDirectory(PathOf("missing"))).Message,
            StringComparison.Ordinal
        );
        Assert.Throws<IOException>(() => DurableFile.FlushDirectory(PathOf("f")));
    }
}
