using System.Text.Json;
using Quorate.Log;
using Quorate.Tests.Log;
using Xunit;

namespace Quorate.Tests.Cli;

public sealed class LogCheckVerbTests : IDisposable
{
    readonly CliFixture _f = new();
    readonly LogFixture _log = new();

    public void Dispose()
    {
        _f.Dispose();
        _log.Dispose();
    }

    [Fact]
    public async Task Fsck_of_an_intact_log_ends_with_0_and_shows_its_roots()
    {
        var head = await PublishAsync();

        var (exit, output, _) = await _f.RunAsync("log", "fsck", _log.Folder);

        Assert.Equal(0, exit);
        Assert.Contains(head.MapRoot.ToString(), output, StringComparison.Ordinal);
        Assert.Contains("intact", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fsck_of_a_damaged_log_ends_with_2_and_names_file_offset_and_recovery()
    {
        await PublishAsync();
        var segment = Path.Combine(_log.Folder, "00000000.wal");
        var bytes = await File.ReadAllBytesAsync(segment, TestContext.Current.CancellationToken);
        bytes[^1] ^= 1;
        await File.WriteAllBytesAsync(segment, bytes, TestContext.Current.CancellationToken);

        var (exit, output, _) = await _f.RunAsync("log", "fsck", _log.Folder, "--repair", "--json");

        Assert.Equal(2, exit);
        using var document = JsonDocument.Parse(output);
        var log = document.RootElement.GetProperty("logs")[0];
        var damage = log.GetProperty("damage")[0];
        Assert.Equal(segment, damage.GetProperty("file").GetString());
        Assert.True(damage.GetProperty("offset").GetInt64() > 80);
        Assert.Contains("quorate log import", log.GetProperty("recovery").GetString(), StringComparison.Ordinal);
        // Repairing is for derived files.
        Assert.Equal(bytes, await File.ReadAllBytesAsync(segment, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Fsck_of_a_state_directory_checks_every_log_in_it_unless_a_node_has_it()
    {
        using (var state = StateDirectory.Open(_f["state"]))
        {
            await using var log = await _log.OpenAsync(o => o with { Folder = state.PublishedFolder(_log.Identity.Id) });
            var (refused, _, error) = await _f.RunAsync("log", "fsck", _f["state"]);
            Assert.Equal(1, refused);
            Assert.Contains("in use", error, StringComparison.Ordinal);
        }
        var (exit, output, _) = await _f.RunAsync("log", "fsck", _f["state"], "--log", _log.Identity.Id.Text[..8]);
        Assert.Equal(0, exit);
        Assert.Contains(_log.Identity.Id.Text, output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/nowhere/at/all")]
    [InlineData("/tmp")]
    public async Task Fsck_of_what_is_no_log_ends_with_1(string folder)
    {
        var (exit, _, error) = await _f.RunAsync("log", "fsck", folder);
        Assert.Equal(1, exit);
        Assert.Contains(folder, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Export_and_import_make_a_mirror_and_the_published_log_again()
    {
        var head = await PublishAsync();
        Quorate.Crypto.Keys.KeyFiles.WritePrivate(_f["alice.key"], _log.Key);

        Assert.Equal(0, (await _f.RunAsync("log", "export", _log.Folder, _f["export"])).Exit);
        Assert.Equal(0, (await _f.RunAsync("log", "import", _f["export"], "--state", _f["state"])).Exit);
        // The mirror that was just imported remembers its head.
        var (exit, output, error) = await _f.RunAsync(
            "log",
            "import",
            _f["export"],
            "--state",
            _f["state"],
            "--publish",
            _f["alice.key"],
            "--known-head",
            Path.Combine(_f["export"], "head"),
            "--json"
        );

        Assert.True(exit == 0, error);
        using var document = JsonDocument.Parse(output);
        Assert.Equal(head.TreeSize, document.RootElement.GetProperty("entries").GetUInt64());
        Assert.Equal(0, (await _f.RunAsync("log", "fsck", _f["state"])).Exit);
    }

    [Fact]
    public async Task Import_of_what_is_no_export_ends_with_1()
    {
        Directory.CreateDirectory(_f["empty"]);
        var (exit, _, error) = await _f.RunAsync("log", "import", _f["empty"], "--state", _f["state"]);
        Assert.Equal(1, exit);
        Assert.Contains("identity", error, StringComparison.Ordinal);
    }

    async Task<LogHead> PublishAsync()
    {
        await using var log = await _log.OpenAsync();
        return (await log.SubmitAsync("key", "value")).Head;
    }
}
