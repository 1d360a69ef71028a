using System.Text;
using Quorate.Cli;
using Quorate.Cli.Verify;
using Quorate.Core;
using Quorate.Nix.Traces;
using Quorate.Tests.Log;
using Quorate.Tests.Nix.Traces;
using Xunit;
using static Quorate.Tests.Log.LogExtensions;

namespace Quorate.Tests.Cli;

public sealed class VerifySourcesTests : IDisposable
{
    readonly LogFixture _fixture = new(Protocol.NixTrace);

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public async Task Folder_of_a_log_gives_its_claims_without_a_node()
    {
        var claim = TraceSamples.Sign(TraceFormat.Bundle);
        await using (var log = await _fixture.OpenAsync())
        {
            await log.SubmitAsync(Item(TraceSamples.InputText, Encoding.ASCII.GetString(claim)));
        }
        using var sources = VerifySources.Open(
            ["log:" + _fixture.Folder],
            _ => null,
            TimeProvider.System,
            _ => { },
            TestContext.Current.CancellationToken
        );

        var found = await Assert.Single(sources.Sources).FindAsync(TraceSamples.Input, TestContext.Current.CancellationToken);

        Assert.Equal(claim, Assert.Single(Assert.Single(Assert.IsType<TraceLookup.Found>(found).Objects).Elements).Raw.ToArray());
        Assert.False(sources.AreRemote);
    }

    [Fact]
    public async Task Loose_file_gives_its_claims_and_tells_what_it_left_out()
    {
        var claim = TraceSamples.Sign(TraceFormat.Bundle);
        var file = Path.Combine(_fixture.Root, "claims.jsonl");
        await File.WriteAllTextAsync(file, Encoding.ASCII.GetString(claim) + "\n{}\n", TestContext.Current.CancellationToken);
        using var sources = VerifySources.Open(
            ["bundle:" + file],
            _ => null,
            TimeProvider.System,
            _ => { },
            TestContext.Current.CancellationToken
        );

        var found = await Assert.Single(sources.Sources).FindAsync(TraceSamples.Input, TestContext.Current.CancellationToken);

        Assert.Equal(claim, Assert.Single(Assert.Single(Assert.IsType<TraceLookup.Found>(found).Objects).Elements).Raw.ToArray());
        Assert.Contains("trace 2", Assert.Single(sources.LeftOut), StringComparison.Ordinal);
        Assert.False(sources.AreRemote);
    }

    [Fact]
    public void Folder_without_a_log_and_text_that_is_no_place_are_refused()
    {
        Assert.Throws<IOException>(() =>
            VerifySources.Open(["log:" + _fixture.Root], _ => null, TimeProvider.System, _ => { }, TestContext.Current.CancellationToken)
        );
        Assert.Throws<CliException>(() =>
            VerifySources.Open(["ftp://x"], _ => null, TimeProvider.System, _ => { }, TestContext.Current.CancellationToken)
        );
    }

    [Fact]
    public void Directory_that_is_not_there_and_file_in_its_place_are_told_at_once()
    {
        var file = Path.Combine(_fixture.Root, "claims.jsonl");
        File.WriteAllText(file, "");
        foreach (var (path, reason) in new[] { (file + "x", "no such directory"), (file, "bundle:PATH") })
        {
            var refused = Assert.Throws<CliException>(() =>
                VerifySources.Open(["dir:" + path], _ => null, TimeProvider.System, _ => { }, TestContext.Current.CancellationToken)
            );
            Assert.StartsWith("--source dir:" + path, refused.Message, StringComparison.Ordinal);
            Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Directory_that_cannot_be_looked_at_is_a_source_that_does_not_answer()
    {
        var link = Path.Combine(_fixture.Root, "circle");
        File.CreateSymbolicLink(link, link);
        using var sources = VerifySources.Open(
            ["dir:" + link],
            _ => null,
            TimeProvider.System,
            _ => { },
            TestContext.Current.CancellationToken
        );

        var answer = await Assert.Single(sources.Sources).FindAsync(TraceSamples.Input, TestContext.Current.CancellationToken);

        Assert.IsType<TraceLookup.Unavailable>(answer);
    }

    [Fact]
    public async Task State_directory_with_a_log_that_cannot_be_looked_at_is_refused()
    {
        var logs = Directory.CreateDirectory(Path.Combine(_fixture.Root, "state", "logs")).FullName;
        await using (await _fixture.OpenAsync())
        {
            // Its folder is all that is needed.
        }
        Directory.Move(_fixture.Folder, Path.Combine(logs, "one"));
        var two = Directory.CreateDirectory(Path.Combine(logs, "two")).FullName;
        File.CreateSymbolicLink(Path.Combine(two, "identity"), Path.Combine(two, "identity"));

        Assert.Throws<IOException>(() =>
            VerifySources.Open(
                ["log:" + Path.GetDirectoryName(logs)],
                _ => null,
                TimeProvider.System,
                _ => { },
                TestContext.Current.CancellationToken
            )
        );
    }
}
