using Quorate.Log;
using Xunit;

namespace Quorate.Tests.Log;

public sealed class StateDirectoryTests : IDisposable
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("quorate-state-");

    string State => Path.Combine(_folder.FullName, "state");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Open_creates_a_directory_for_its_owner_alone()
    {
        using var state = StateDirectory.Open(State);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(State));
        Assert.Equal("quorate-state 1\n", File.ReadAllText(Path.Combine(State, "format")));
    }

    [Fact]
    public void Open_while_another_holds_it_is_refused_and_names_the_process()
    {
        using var first = StateDirectory.Open(State);
        var refused = Assert.Throws<StateDirectoryLockedException>(() => StateDirectory.Open(State));
        Assert.Equal(Environment.ProcessId, refused.ProcessId);
        Assert.Contains($"pid {Environment.ProcessId}", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_after_the_holder_let_go_succeeds()
    {
        StateDirectory.Open(State).Dispose();
        StateDirectory.Open(State).Dispose();
    }

    [Theory]
    [InlineData("quorate-state 2\n")]
    [InlineData("quorate-state 0\n")]
    [InlineData("something else\n")]
    [InlineData("")]
    public void Open_of_another_format_is_refused_by_name(string format)
    {
        StateDirectory.Open(State).Dispose();
        File.WriteAllText(Path.Combine(State, "format"), format);
        var refused = Assert.Throws<StateFormatException>(() => StateDirectory.Open(State));
        Assert.Contains($"\"{format.TrimEnd('\n')}\"", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_of_a_directory_with_logs_of_unknown_format_is_refused()
    {
        Directory.CreateDirectory(Path.Combine(State, "logs"));
        Assert.Throws<StateFormatException>(() => StateDirectory.Open(State));
    }

    [Fact]
    public void Open_of_a_directory_that_holds_other_files_leaves_them_alone()
    {
        Directory.CreateDirectory(State);
        File.WriteAllText(Path.Combine(State, "alice.key"), "a key");
        StateDirectory.Open(State).Dispose();
        Assert.Equal("a key", File.ReadAllText(Path.Combine(State, "alice.key")));
    }
}
