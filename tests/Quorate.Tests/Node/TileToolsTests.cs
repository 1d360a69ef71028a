using System.Text.Json;
using Quorate.Cli;
using Quorate.Testing;
using Xunit;

namespace Quorate.Tests.Node;

/// <summary>The command line's tile tools against a live node's public listener.</summary>
public sealed class TileToolsTests : IAsyncLifetime
{
    const string Configuration = """
        signers:
          key: { path: "{dir}/key" }
        publish:
          - { name: alice, protocol: test, signer: key, origin: log.example/alice }
        """;

    TestNode _node = null!;
    string _url = "";
    string _key = "";

    static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _node = await TestNode.StartAsync(Configuration, new Dictionary<string, byte> { ["key"] = 1 });
        _url = $"{_node.PublicUrl.GetLeftPart(UriPartial.Authority)}/logs/{_node.Host.Context.Registry.Published[0].Log.Identity.Id}";
        _key = _node.Host.Context.Registry.Published[0].VerifierKey!.ToString();
        for (var batch = 0; batch < 3; batch++)
        {
            await _node.SubmitAsync("alice", [.. Enumerable.Range(250 * batch, 250).Select(i => ($"key {i}", $"value {i}"))]);
        }
        await File.WriteAllTextAsync(PathOf("policy"), $"log {_key}\nquorum none\n", Token);
    }

    public async ValueTask DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task Audit_of_a_live_node_is_sound()
    {
        var (status, output, error) = await RunAsync("log", "audit", _url, "--key", _key, "--map", "--json");
        Assert.True(status == 0, error);
        using var report = JsonDocument.Parse(output);
        Assert.Equal(750, report.RootElement.GetProperty("size").GetInt32());
        Assert.Equal(
            ["tiles", "entries", "heads", "values", "map"],
            report.RootElement.GetProperty("checked").EnumerateArray().Select(c => c.GetString())
        );
    }

    [Fact]
    public async Task Audit_goes_on_from_its_state_file()
    {
        Assert.Equal(0, (await RunAsync("log", "audit", _url, "--key", _key, "--state", PathOf("audit-state"))).Status);
        await _node.SubmitAsync("alice", ("one", "more"));
        var (status, output, _) = await RunAsync("log", "audit", _url, "--key", _key, "--state", PathOf("audit-state"));
        Assert.Equal(0, status);
        Assert.Contains("the first 512 by an earlier audit", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Audit_whose_state_file_cannot_be_written_says_so_and_names_the_file()
    {
        var (status, _, error) = await RunAsync("log", "audit", _url, "--key", _key, "--state", "/proc/nowhere/audit-state");
        Assert.Equal(1, status);
        Assert.Contains("/proc/nowhere/audit-state", error, StringComparison.Ordinal);
        Assert.DoesNotContain(".tmp", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Audit_with_another_key_of_the_same_name_is_bad()
    {
        using var other = Quorate.Crypto.Ed25519PrivateKey.Generate();
        var key = Quorate.Crypto.Notes.NoteVerifierKey.Ed25519("log.example/alice", other.PublicKey).ToString();
        var (status, output, _) = await RunAsync("log", "audit", _url, "--key", key);
        Assert.Equal(2, status);
        Assert.StartsWith("BAD: checkpoint", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Audit_of_something_else_could_not_tell() =>
        Assert.Equal(1, (await RunAsync("log", "audit", _node.PublicUrl + "nothing", "--key", _key)).Status);

    [Fact]
    public async Task Proof_of_a_key_verifies_offline()
    {
        var proof = PathOf("p.tlog-proof");
        var (status, _, error) = await RunAsync("log", "prove", "key 321", "--url", _url, "-o", proof);
        Assert.True(status == 0, error);
        await _node.StopAsync();
        try
        {
            (status, var output, _) = await RunAsync("log", "verify-proof", proof, "--policy", PathOf("policy"), "--key", "key 321");
            Assert.Equal(0, status);
            Assert.Contains("entry    321 of 750", output, StringComparison.Ordinal);
            Assert.Contains("value    value 321", output, StringComparison.Ordinal);
            Assert.Equal(2, (await RunAsync("log", "verify-proof", proof, "--policy", PathOf("policy"), "--key", "key 322")).Status);
        }
        finally
        {
            await _node.RestartAsync();
        }
    }

    [Fact]
    public async Task Proof_through_the_local_node_goes_to_standard_output()
    {
        var (status, output, error) = await RunAsync("log", "prove", "key 7", "--node", _node.ControlAddress);
        Assert.True(status == 0, error);
        Assert.StartsWith("c2sp.org/tlog-proof@v1\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Proof_of_an_absent_key_is_an_error()
    {
        var (status, _, error) = await RunAsync("log", "prove", "no such key", "--url", _url);
        Assert.Equal(1, status);
        Assert.Contains("no entry under this key", error, StringComparison.Ordinal);
    }

    string PathOf(string file) => Path.Combine(_node.Directory, file);

    static async Task<(int Status, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter();
        using var bytes = new MemoryStream();
        var host = new CliHost
        {
            Out = output,
            Error = error,
            Variable = _ => null,
            OpenOutput = () => bytes,
        };
        var status = await CommandLine.RunAsync(arguments, host, Token).WaitAsync(TimeSpan.FromSeconds(30), Token);
        return (status, output + System.Text.Encoding.UTF8.GetString(bytes.ToArray()), error.ToString());
    }
}
