using Xunit;

namespace Quorate.Tests.Cli;

public sealed class NixDoctorTests : IDisposable
{
    const string GateKey = "gate-1:2uy8gNIOYEewTiV7iB7cUxBGpXxQtdlFepFoRvJTCJo=";
    const string OtherKey = "other-1:2uy8gNIOYEewTiV7iB7cUxBGpXxQtdlFepFoRvJTCJo=";

    readonly CliFixture _f = new();

    public void Dispose() => _f.Dispose();

    [Fact]
    public async Task Doctor_nix_takes_the_gates_key_from_the_node()
    {
        await using var node = await StartAsync($",\"publicKey\":\"{GateKey}\"");
        var output = (await DoctorAsync(GateKey, "--node", node.Address)).Out;
        Assert.Contains("only the gate's key is trusted", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Doctor_nix_finds_a_single_key_that_is_not_the_gates()
    {
        await using var node = await StartAsync($",\"publicKey\":\"{GateKey}\"");
        var (exit, output, _) = await DoctorAsync(OtherKey, "--node", node.Address);
        Assert.Equal(1, exit);
        Assert.Contains("what other-1 signed is taken without the gate's consent", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Doctor_nix_prefers_the_key_that_it_is_given()
    {
        await using var node = await StartAsync($",\"publicKey\":\"{GateKey}\"");
        var output = (await DoctorAsync(OtherKey, "--node", node.Address, "--gate-key", OtherKey)).Out;
        Assert.Contains("only the gate's key is trusted", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Doctor_nix_with_an_older_node_knows_no_key()
    {
        await using var node = await StartAsync("");
        var output = (await DoctorAsync(OtherKey, "--node", node.Address)).Out;
        Assert.DoesNotContain("trusted-public-keys", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Doctor_nix_of_a_named_gate_does_not_ask_the_node()
    {
        await using var node = await StartAsync($",\"publicKey\":\"{GateKey}\"");
        await DoctorAsync(OtherKey, "--node", node.Address, "--gate", "http://127.0.0.1:8098");
        Assert.Empty(node.Requests);
    }

    async Task<FakeNode> StartAsync(string more)
    {
        var node = await FakeNode.StartAsync(_f.Folder);
        var gate = $$"""{"protocol":"nix","listen":"http://127.0.0.1:8098","mode":"enforce"{{more}}}""";
        node.Answers["/v1/status"] = _ => (200, $$"""{"version":"1","state":"/s","gates":[{{gate}}]}""");
        return node;
    }

    Task<(int Exit, string Out, string Error)> DoctorAsync(string trusted, params string[] more)
    {
        File.WriteAllText(_f["nix.conf"], $"substituters = http://127.0.0.1:8098\ntrusted-public-keys = {trusted}\n");
        return _f.RunAsync(["doctor", "nix", "--nix-conf", _f["nix.conf"], .. more]);
    }
}
