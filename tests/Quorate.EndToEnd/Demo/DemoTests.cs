namespace Quorate.EndToEnd.Demo;

/// <summary>Four builders and a consumer with real Nix: the main job, end to end.</summary>
public sealed class DemoTests(DemoRun demo) : IClassFixture<DemoRun>
{
    static readonly string[] Builders = ["alice", "bob", "chuck", "dan"];

    [Fact]
    public async Task Story_ends_well() => Assert.Contains("demo: OK", await demo.StoryAsync(), StringComparison.Ordinal);

    [Theory]
    [InlineData("words")]
    [InlineData("greeter")]
    [InlineData("welcome")]
    public async Task Agreed_closure_is_installed_byte_for_byte(string name)
    {
        await demo.StoryAsync();

        Assert.Equal(Bytes("bob/store", name), Bytes("consumer/store", name));
    }

    [Fact]
    public async Task Irreproducible_path_is_in_every_builders_store_but_not_in_the_consumers()
    {
        await demo.StoryAsync();

        Assert.Equal(4, Builders.Select(b => Convert.ToHexString(Bytes(b + "/store", "lottery"))).Distinct(StringComparer.Ordinal).Count());
        Assert.Null(demo.Stored("consumer/store", "lottery"));
        Assert.Null(demo.Stored("consumer/store2", "lottery"));
    }

    [Fact]
    public async Task Tampered_path_is_installed_as_the_honest_builders_have_it()
    {
        await demo.StoryAsync();

        var installed = Bytes("consumer/store", "wallet");
        Assert.Equal(Bytes("dan/store", "wallet"), installed);
        Assert.NotEqual(Bytes("chuck/store", "wallet"), installed);
        Assert.Equal(demo.Stored("chuck/store", "wallet")!.Split('/')[^1], demo.Stored("consumer/store", "wallet")!.Split('/')[^1]);
    }

    [Fact]
    public async Task Fresh_store_installs_the_same_after_a_builder_is_gone()
    {
        await demo.StoryAsync();

        foreach (var name in new[] { "words", "greeter", "welcome", "wallet" })
        {
            Assert.Equal(Bytes("consumer/store", name), Bytes("consumer/store2", name));
        }
    }

    [Fact]
    public async Task Nothing_of_the_demo_is_still_running()
    {
        await demo.StoryAsync();

        var running = Directory.EnumerateDirectories("/proc").Where(p => char.IsAsciiDigit(Path.GetFileName(p)[0])).Select(CommandLine);
        Assert.DoesNotContain(running, line => line.Contains(demo.Work + "/", StringComparison.Ordinal));
    }

    byte[] Bytes(string store, string name) =>
        File.ReadAllBytes(demo.Stored(store, name) ?? throw new InvalidOperationException($"{name} is not in {store}"));

    static string CommandLine(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline"));
        }
        catch (IOException)
        {
            // It has ended since it was listed.
            return "";
        }
    }
}
