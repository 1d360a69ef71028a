using Quorate.Nix.Store;
using Xunit;

namespace Quorate.Tests.Nix;

public sealed class NixStoreErrorTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("quorate-nix-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("warning: w\nerror: access is forbidden\n(use '--show-trace' to see more)\n", "error: access is forbidden")]
    [InlineData("error:\n       … while calling\n\n       error: access is forbidden\n", "error: access is forbidden")]
    [InlineData("warning: w\nsomething is wrong\n", "something is wrong")]
    public async Task Run_that_fails_tells_the_error_and_not_the_hint_below_it(string printed, string expected)
    {
        var program = Path.Combine(_folder, "nix-store");
        await File.WriteAllTextAsync(Path.Combine(_folder, "said"), printed, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(program, $"#!/bin/sh\ncat {_folder}/said >&2\nexit 1\n", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(program, (UnixFileMode)0b111_101_101);

        var e = await Assert.ThrowsAsync<NixStoreException>(() =>
            new NixStore(program, store: null).RunAsync(["--query"], TestContext.Current.CancellationToken)
        );

        Assert.Equal(expected, e.Message);
    }
}
