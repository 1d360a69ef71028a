using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Quorate.Node.Hosting;
using Quorate.Sources.Spool;
using Quorate.Testing;
using Xunit;

namespace Quorate.Tests.Node;

public sealed class NodeProgramTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("qp-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    static async Task<(int Code, string Output, string Errors)> RunAsync(params string[] arguments)
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();
        var code = await NodeProgram.RunAsync(arguments, output, errors);
        return (code, output.ToString(), errors.ToString());
    }

    string Write(string text)
    {
        var path = Path.Combine(_folder, "quorate.yaml");
        File.WriteAllText(path, text);
        return path;
    }

    [Fact]
    public async Task Check_of_a_good_file_prints_a_summary_and_succeeds()
    {
        var path = Write("node: { state: state, listen: [http://127.0.0.1:8090] }\n");

        var (code, output, _) = await RunAsync("--check-config", "--config", path);

        Assert.Equal(0, code);
        Assert.Contains("listen   http://127.0.0.1:8090", output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(_folder, "state")));
    }

    [Fact]
    public async Task Check_of_a_bad_file_prints_every_error_on_a_line_and_fails()
    {
        var path = Write("node: { state: state, lisen: [] }\nfolow: []\n");

        var (code, _, errors) = await RunAsync("--check-config", $"--config={path}");

        Assert.Equal(1, code);
        Assert.Equal(
            [$"{path}:1:23: node.lisen: unknown key; did you mean 'listen'?", $"{path}:2:1: folow: unknown key; did you mean 'follow'?"],
            errors.Split('\n', StringSplitOptions.RemoveEmptyEntries)
        );
    }

    [Fact]
    public async Task Check_reports_a_signer_whose_key_file_is_absent()
    {
        var path = Write("node: { state: state }\nsigners: { alice: { path: absent.key } }\n");

        var (code, _, errors) = await RunAsync("--check-config", "--config", path);

        Assert.Equal(1, code);
        Assert.Contains("signers.alice.path: ", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Absent_default_file_is_explained()
    {
        var (code, _, errors) = await RunAsync("--config", Path.Combine(_folder, "absent.yaml"));

        Assert.Equal(1, code);
        Assert.Contains("quorate init", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--confg", "did you mean '--config'?")]
    [InlineData("--config", "--config needs a file")]
    public async Task Unknown_argument_names_the_nearest(string argument, string expected)
    {
        var (code, _, errors) = await RunAsync(argument);

        Assert.Equal(1, code);
        Assert.Contains(expected, errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--help", "--check-config")]
    [InlineData("--version", "quorated ")]
    public async Task Help_and_version_are_printed_without_a_configuration(string argument, string expected)
    {
        var (code, output, _) = await RunAsync(argument);

        Assert.Equal(0, code);
        Assert.Contains(expected, output, StringComparison.Ordinal);
    }

    [Fact]
    public void Notifier_sends_readiness_to_the_socket()
    {
        var path = Path.Combine(_folder, "notify");
        using var manager = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        manager.Bind(new UnixDomainSocketEndPoint(path));
        manager.ReceiveTimeout = 30_000;

        new SystemdNotifier(path).Ready();

        var buffer = new byte[100];
        Assert.Equal("READY=1", Encoding.UTF8.GetString(buffer, 0, manager.Receive(buffer)));
    }

    [Fact]
    public void Notifier_without_a_manager_does_nothing() => new SystemdNotifier(Path.Combine(_folder, "nobody")).Ready();

    [Fact]
    public async Task Https_listener_serves_with_the_configured_certificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(
            TimeProvider.System.GetUtcNow().AddDays(-1),
            TimeProvider.System.GetUtcNow().AddDays(1)
        );
        await File.WriteAllTextAsync(Path.Combine(_folder, "tls.pem"), certificate.ExportCertificatePem());
        await File.WriteAllTextAsync(Path.Combine(_folder, "tls.key"), key.ExportPkcs8PrivateKeyPem());
        await using var node = await TestNode.StartAsync(
            $"node: {{ state: {{dir}}/state, control: \"unix://{{dir}}/c.sock\", listen: [\"https://127.0.0.1:0\"], tls: {{ certificate: {_folder}/tls.pem, key: {_folder}/tls.key }} }}"
        );
        using var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, shown, _, _) =>
            shown is X509Certificate2 c && c.Thumbprint == certificate.Thumbprint;
        using var client = new HttpClient(handler) { BaseAddress = node.PublicUrl };

        Assert.Equal("ok\n", await client.GetStringAsync("/healthz"));
    }

    [Fact]
    public async Task Absent_certificate_is_a_clear_start_error()
    {
        var error = await Assert.ThrowsAsync<StartException>(() =>
            TestNode.StartAsync(
                "node: { state: \"{dir}/state\", listen: [\"https://127.0.0.1:0\"], tls: { certificate: no.pem, key: no.key } }"
            )
        );

        Assert.Contains("node.tls: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Spooled_claims_are_delivered_when_the_node_starts()
    {
        await using var node = await TestNode.StartAsync(
            "signers: { alice: { path: alice.key } }\npublish:\n- { name: alice, protocol: nix, signer: alice }",
            new Dictionary<string, byte> { ["alice.key"] = 1 }
        );
        await node.StopAsync();
        using (var spool = HookSpool.Open($"{node.Directory}/state/spool", create: true)!)
        {
            // Older, and of a log that is gone: it waits, but holds up nobody.
            Assert.True(spool.TryAdd(new SpoolBatch("gone", [new SpoolItem("g"u8.ToArray(), "v"u8.ToArray(), null)])));
            Assert.True(spool.TryAdd(new SpoolBatch("", [new SpoolItem("k"u8.ToArray(), "v"u8.ToArray(), null)])));
        }

        await node.RestartAsync();

        await TestNode.UntilAsync(
            async () => (await node.GetAsync("/v1/logs/alice/head")).GetProperty("treeSize").GetInt32() == 1,
            "the spool is delivered"
        );
    }

    [Fact]
    public async Task Oversized_body_is_refused_with_a_code()
    {
        await using var node = await TestNode.StartAsync(
            "node: { state: \"{dir}/state\", control: \"unix://{dir}/c.sock\", max_body: 1KiB }\nsigners: { alice: { path: alice.key } }\npublish:\n- { name: alice, protocol: test, signer: alice }",
            new Dictionary<string, byte> { ["alice.key"] = 1 }
        );

        var error = await Assert.ThrowsAsync<HttpRequestException>(() => node.SubmitAsync("alice", [("k", new string('v', 4096))]));

        Assert.Equal(HttpStatusCode.TooManyRequests, error.StatusCode);
        Assert.Contains("node.max_body", error.Message, StringComparison.Ordinal);
    }
}
