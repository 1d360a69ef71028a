using Xunit;

namespace Quorate.Tests.Cli;

public sealed class SubmitTests : IDisposable
{
    readonly CliFixture _f = new();

    public void Dispose() => _f.Dispose();

    [Fact]
    public async Task Submit_of_a_canonical_claim_is_sent()
    {
        await using var node = await StartAsync();
        Assert.Equal(0, (await SubmitAsync(node, CliFixture.Hello, CliFixture.HelloClaim)).Exit);
        Assert.Single(node.Requests);
    }

    [Theory]
    [InlineData(CliFixture.Hello, "v", "no claim for its key")]
    [InlineData(CliFixture.Hello, CliFixture.HelloClaim + "\n", "no claim for its key")]
    [InlineData(CliFixture.Secret, CliFixture.HelloClaim, "the claim is about " + CliFixture.Hello)]
    [InlineData("hello", CliFixture.HelloClaim, "the key is not a store path")]
    public async Task Submit_of_no_claim_for_its_key_is_refused_with_the_reason(string key, string value, string reason)
    {
        await using var node = await StartAsync();
        var (exit, _, error) = await SubmitAsync(node, key, value);
        Assert.Equal(1, exit);
        Assert.Contains(reason, error, StringComparison.Ordinal);
        Assert.Empty(node.Requests);
    }

    [Fact]
    public async Task Submit_by_log_id_is_checked_too()
    {
        await using var node = await StartAsync();
        var (_, _, error) = await SubmitAsync(node, CliFixture.Hello, "v", log: new string('a', 64));
        Assert.StartsWith("quorate: not sent: 'alice'", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Submit_with_force_sends_anything()
    {
        await using var node = await StartAsync();
        Assert.Equal(0, (await SubmitAsync(node, "k", "v", "alice", "--force")).Exit);
        Assert.Single(node.Requests);
    }

    [Fact]
    public async Task Submit_to_a_log_of_another_protocol_sends_anything()
    {
        await using var node = await StartAsync("test");
        Assert.Equal(0, (await SubmitAsync(node, "k", "v")).Exit);
    }

    async Task<FakeNode> StartAsync(string protocol = "nix")
    {
        var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice").Replace("\"nix\"", $"\"{protocol}\"", StringComparison.Ordinal));
        node.Accepts("alice");
        return node;
    }

    Task<(int Exit, string Out, string Error)> SubmitAsync(
        FakeNode node,
        string key,
        string value,
        string log = "alice",
        params string[] more
    ) => _f.RunAsync(["submit", log, "--key", key, "--value", value, "--node", node.Address, .. more]);
}
