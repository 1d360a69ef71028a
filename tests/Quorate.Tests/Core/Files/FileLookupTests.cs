using Quorate.Core.Files;
using Xunit;

namespace Quorate.Tests.Core.Files;

public sealed class FileLookupTests : IDisposable
{
    readonly string _root = Directory.CreateTempSubdirectory("quorate-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    string In(string name) => Path.Combine(_root, name);

    [Fact]
    public void Open_of_a_file_gives_it()
    {
        File.WriteAllText(In("f"), "one");
        using var file = FileLookup.Open(In("f"), _root);
        Assert.Equal(3, RandomAccess.GetLength(file!));
        Assert.True(FileLookup.IsThere(In("f")));
    }

    [Theory]
    [InlineData("none")]
    [InlineData("none/deeper/still")]
    public void Open_of_a_name_that_the_root_does_not_have_is_absent(string name)
    {
        Assert.Null(FileLookup.Open(In(name), _root));
        Assert.Null(FileLookup.Open(In(name), _root + "/"));
        Assert.False(FileLookup.IsThere(In(name)));
    }

    [Fact]
    public void Open_below_a_root_that_is_gone_fails()
    {
        Assert.Throws<IOException>(() => FileLookup.Open(In("gone/traces/f"), In("gone")));
        Assert.Null(FileLookup.Open(In("gone/traces/f")));
    }

    [Theory]
    [InlineData("file/f")]
    [InlineData("dangling")]
    [InlineData("dangling/traces/f")]
    [InlineData("circle")]
    public void Open_of_what_cannot_be_looked_at_fails(string name)
    {
        File.WriteAllText(In("file"), "");
        File.CreateSymbolicLink(In("dangling"), In("nowhere"));
        File.CreateSymbolicLink(In("circle"), In("circle"));
        Assert.Throws<IOException>(() => FileLookup.Open(In(name), _root));
        Assert.Throws<IOException>(() => FileLookup.IsThere(In(name)));
    }
}
