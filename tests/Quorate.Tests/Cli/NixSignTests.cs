using System.Text.Json;
using Quorate.Crypto.Keys;
using Quorate.Nix;
using Quorate.Nix.Traces;
using Quorate.Tests.Nix.Traces;
using Xunit;

namespace Quorate.Tests.Cli;

public sealed class NixSignTests : IDisposable
{
    readonly CliFixture _f = new();

    public void Dispose() => _f.Dispose();

    [Fact]
    public async Task Sign_prints_a_claim_that_verifies()
    {
        var build = await BuildAsync();
        var (exit, text, error) = await SignAsync(build);
        Assert.Equal((0, ""), (exit, error));
        var claim = Assert.Single(Admit(build, text.TrimEnd('\n')).Claims);
        Assert.True(claim.Built);
        Assert.Equal(build.Out, claim.PathOf("out"));
        var provenance = TraceProvenance.Read(claim.Evidence[0]);
        Assert.Equal("2.34.8", provenance.Versions["nixVersion"]);
        Assert.Equal(32, provenance.AttemptId!.Length);
    }

    [Theory]
    [InlineData("jws2", TraceFormat.Jws2)]
    [InlineData("jws3", TraceFormat.Jws3)]
    public async Task Sign_in_another_format_verifies(string name, TraceFormat format)
    {
        var build = await BuildAsync();
        var (_, text, _) = await SignAsync(build, "--format", name);
        Assert.Equal(format, Assert.Single(Admit(build, text.TrimEnd('\n')).Claims).Evidence[0].Format);
    }

    [Fact]
    public async Task Sign_with_provenance_states_it()
    {
        var build = await BuildAsync();
        var (_, text, _) = await SignAsync(
            build,
            "--builder-software",
            "github:example/builders",
            "--builder-software-digest",
            "gitCommit=00",
            "--relayed"
        );
        var claim = Assert.Single(Admit(build, text.TrimEnd('\n')).Claims);
        Assert.False(claim.Built);
        var software = TraceProvenance.Read(claim.Evidence[0]).Software!;
        Assert.Equal(("github:example/builders", "00"), (software.Uri, software.Digests["gitCommit"]));
    }

    // The file may be lost, or kept back; the claim says which one it was.
    [Fact]
    public async Task Sign_with_metadata_pins_the_file_and_says_where_it_is()
    {
        var build = await BuildAsync();
        await File.WriteAllTextAsync(_f["sbom.json"], "{}");
        var (_, text, _) = await SignAsync(build, "--metadata", $"{_f["sbom.json"]},https://example.com/sbom", "--dependencies");
        var provenance = TraceProvenance.Read(Assert.Single(Admit(build, text.TrimEnd('\n')).Claims).Evidence[0]);
        var pinned = Assert.Single(provenance.Metadata);
        Assert.Equal("https://example.com/sbom", pinned.Uri);
        Assert.Equal("44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", pinned.Digests["sha256"]);
        Assert.Null(provenance.Attestation);
    }

    [Theory]
    [InlineData("sbom.json,")]
    [InlineData(",https://example.com/sbom")]
    public async Task Sign_with_metadata_that_names_no_file_or_place_is_a_usage_error(string metadata)
    {
        var build = await BuildAsync();
        Assert.Equal(1, (await SignAsync(build, "--metadata", metadata)).Exit);
    }

    [Fact]
    public async Task Sign_with_a_preimage_has_the_derivation_in_a_JWS()
    {
        var build = await BuildAsync();
        var (_, text, _) = await SignAsync(build, "--format", "jws2", "--include-preimage");
        var payload = text.Split('.')[1].Replace('-', '+').Replace('_', '/');
        using var document = JsonDocument.Parse(Convert.FromBase64String(payload.PadRight((payload.Length + 3) / 4 * 4, '=')));
        await AssertPreimageAsync(build, document.RootElement.GetProperty("in").GetProperty("debug"));
        Assert.Single(Admit(build, text.TrimEnd('\n')).Claims);
    }

    [Fact]
    public async Task Sign_with_a_preimage_has_the_derivation_among_a_bundles_byproducts()
    {
        var build = await BuildAsync();
        var (_, text, _) = await SignAsync(build, "--include-preimage");
        var statement = SignedText.StatementOf(System.Text.Encoding.UTF8.GetBytes(text));
        var byproduct = Assert.Single(statement["predicate"]!["runDetails"]!["byproducts"]!.AsArray())!;
        Assert.Equal("laut-debug-preimage", byproduct["name"]!.GetValue<string>());
        Assert.Equal("application/json", byproduct["mediaType"]!.GetValue<string>());
        using var document = JsonDocument.Parse(Convert.FromBase64String(byproduct["content"]!.GetValue<string>()));
        await AssertPreimageAsync(build, document.RootElement);
        Assert.Single(Admit(build, text.TrimEnd('\n')).Claims);
    }

    [Fact]
    public async Task Sign_without_asking_has_no_preimage()
    {
        var build = await BuildAsync();
        var (_, text, _) = await SignAsync(build);
        Assert.False(
            SignedText.StatementOf(System.Text.Encoding.UTF8.GetBytes(text))["predicate"]!["runDetails"]!
                .AsObject()
                .ContainsKey("byproducts")
        );
    }

    // JSON has no place for bytes that are no text, and a claim that leaves them out is still a claim.
    [Fact]
    public async Task Sign_with_a_preimage_that_is_no_text_leaves_it_out_and_says_so()
    {
        var build = await LabBuild.CreateAsync(_f["root"], salt: "\u00ff");
        build.WriteNixStore(_f["nix-store"]);
        WriteKey();
        var (exit, text, error) = await SignAsync(build, "--include-preimage");
        Assert.Equal(0, exit);
        Assert.Contains("preimage is left out", error, StringComparison.Ordinal);
        Assert.Single(Admit(build, text.TrimEnd('\n')).Claims);
    }

    static async Task AssertPreimageAsync(LabBuild build, JsonElement debug)
    {
        Assert.Equal("a", debug.GetProperty("drv_name").GetString());
        Assert.Equal(build.Derivation.ToString(), debug.GetProperty("rdrv_path").GetString());
        Assert.Equal(build.Derivation.ToString(), debug.GetProperty("rdrv_computed_path").GetString());
        Assert.Equal(await File.ReadAllTextAsync(build.OnDisk(build.Derivation)), debug.GetProperty("rdrv_aterm_ca_preimage").GetString());
        Assert.False(debug.TryGetProperty("ia", out _));
    }

    [Fact]
    public async Task Sign_to_a_directory_keeps_the_derivation_beside_the_claim()
    {
        var build = await BuildAsync();
        var cache = _f["cache"];
        Assert.Equal(0, (await SignAsync(build, "--out", cache)).Exit);
        var input = build.Derivation.HashPart;
        Assert.Single(Admit(build, (await File.ReadAllTextAsync(Path.Combine(cache, "traces", "aterm", input))).TrimEnd('\n')).Claims);
        Assert.Equal(
            await File.ReadAllBytesAsync(build.OnDisk(build.Derivation)),
            await File.ReadAllBytesAsync(Path.Combine(cache, "traces", "drv", input))
        );
    }

    [Fact]
    public async Task Sign_to_a_log_submits_the_same_bytes_under_the_input_hash()
    {
        var build = await BuildAsync();
        await using var node = await NodeAsync("nix-trace");
        node.Keeps(build.Derivation.HashPart);
        var (exit, text, error) = await SignAsync(build, "--log", "alice", "--node", node.Address);
        Assert.Equal((0, "", $"{build.Derivation.HashPart} alice\n"), (exit, error, text));
        Assert.Single(node.Requests, r => r.StartsWith($"PUT /traces/drv/{build.Derivation.HashPart}", StringComparison.Ordinal));
        var request = Assert.Single(node.Requests, r => r.Contains("/submit", StringComparison.Ordinal));
        using var body = JsonDocument.Parse(request[request.IndexOf('{', StringComparison.Ordinal)..]);
        var item = body.RootElement.GetProperty("items")[0].ToString();
        Assert.Contains(
            Convert.ToBase64String(System.Text.Encoding.ASCII.GetBytes(build.Derivation.HashPart)),
            item,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Sign_to_a_log_of_another_protocol_is_refused()
    {
        var build = await BuildAsync();
        await using var node = await NodeAsync("nix");
        var (exit, _, error) = await SignAsync(build, "--log", "alice", "--node", node.Address);
        Assert.Equal(1, exit);
        Assert.Contains("nix-trace", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sign_with_the_key_of_a_log_is_refused()
    {
        var build = await BuildAsync();
        await using var node = await NodeAsync("nix-trace", Key().PublicKey.Key.ToString());
        var (exit, _, error) = await SignAsync(build, "--log", "alice", "--node", node.Address);
        Assert.Equal(1, exit);
        Assert.Contains("the key of the log 'alice'", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sign_of_changed_outputs_is_refused_with_status_2()
    {
        var build = await BuildAsync();
        await File.AppendAllTextAsync(build.OnDisk(build.Out), "x");
        var (exit, text, error) = await SignAsync(build);
        Assert.Equal((2, ""), (exit, text));
        Assert.StartsWith("REFUSED", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sign_of_an_unresolved_derivation_is_skipped_and_said_so()
    {
        var build = await BuildAsync("""[("/nix/store/00000000000000000000000000000000-x.drv",["out"])]""");
        var (exit, text, error) = await SignAsync(build);
        Assert.Equal((0, ""), (exit, text));
        Assert.Contains("unresolved", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sign_as_JSON_tells_of_every_derivation()
    {
        var build = await BuildAsync();
        var (_, text, _) = await SignAsync(build, "--json");
        using var document = JsonDocument.Parse(text);
        var told = document.RootElement.GetProperty("builds")[0];
        Assert.Equal("signed", told.GetProperty("status").GetString());
        Assert.Equal(build.Dev.ToString(), told.GetProperty("outputs").GetProperty("dev").GetString());
        Assert.Single(Admit(build, told.GetProperty("claim").GetString()!).Claims);
    }

    // The view's path follows from the content alone, so the input-addressed hash part occurs nowhere in the claim.
    [Theory]
    [InlineData("bundle")]
    [InlineData("jws3")]
    public async Task Sign_of_an_input_addressed_build_signs_its_view_when_asked(string format)
    {
        var build = await LabBuild.CreateInputAddressedAsync(_f["root"]);
        build.WriteNixStore(_f["nix-store"]);
        WriteKey();
        Assert.Contains("input-addressed", (await SignAsync(build, "--format", format)).Error, StringComparison.Ordinal);
        var (exit, text, error) = await SignAsync(build, "--input-addressed", "--format", format, "--json");
        Assert.Equal((0, ""), (exit, error));
        using var document = JsonDocument.Parse(text);
        var told = document.RootElement.GetProperty("builds")[0];
        var element = System.Text.Encoding.UTF8.GetBytes(told.GetProperty("claim").GetString()!);
        using var key = Key();
        var keys = new TraceKeys([key.PublicKey.Key]);
        Assert.Null(AttributedTrace.Read(TraceElement.Of(element), keys, out var signed));
        var question = new TraceQuestion(
            Quorate.Nix.Derivations.ResolvedInputHash.Parse(told.GetProperty("input").GetString()!),
            TraceRegime.SyntheticContentAddressed,
            new Dictionary<string, string>(StringComparer.Ordinal) { ["out"] = "ia" }
        )
        {
            // The hash of a JWS names the outputs.
            Own =
                format == "jws3"
                    ? new Dictionary<string, StorePath>(StringComparer.Ordinal) { ["out"] = StorePath.Parse(signed!.Paths[0]!) }
                    : null,
        };
        var findings = new TraceFindings();
        new TraceAdmission(keys).Admit(TraceElement.Of(element), question, findings);
        var claim = Assert.Single(findings.Claims);
        Assert.NotEqual(build.Out, claim.PathOf("out"));
        Assert.NotEqual(build.Derivation.HashPart, claim.Input.ToString());
    }

    [Fact]
    public async Task Sign_of_an_input_addressed_build_whose_bytes_changed_is_refused()
    {
        var build = await LabBuild.CreateInputAddressedAsync(_f["root"]);
        build.WriteNixStore(_f["nix-store"]);
        WriteKey();
        await File.AppendAllTextAsync(build.OnDisk(build.Out), "x");
        Assert.Equal(2, (await SignAsync(build, "--input-addressed")).Exit);
    }

    [Theory]
    [InlineData("jws2", "--input-addressed")]
    [InlineData("jws3", "--relayed")]
    [InlineData("jws3", "--dependencies")]
    [InlineData("jws3", "--metadata=/etc/hostname")]
    public async Task Sign_of_what_the_format_cannot_say_is_a_usage_error(string format, string option)
    {
        var build = await BuildAsync();
        var (exit, _, error) = await SignAsync(build, "--format", format, option);
        Assert.Equal(1, exit);
        Assert.DoesNotContain("internal error", error, StringComparison.Ordinal);
    }

    async Task<LabBuild> BuildAsync(string inputs = "[]")
    {
        var build = await LabBuild.CreateAsync(_f["root"], inputs: inputs);
        build.WriteNixStore(_f["nix-store"]);
        WriteKey();
        return build;
    }

    void WriteKey()
    {
        using var key = NixCacheSecretKey.Generate("claims");
        key.Write(_f["claims.key"]);
    }

    NixCacheSecretKey Key() => NixCacheSecretKey.Read(_f["claims.key"], out _);

    async Task<FakeNode> NodeAsync(string protocol, string key = "")
    {
        var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(
            FakeNode
                .Log("alice")
                .Replace("\"nix\"", $"\"{protocol}\"", StringComparison.Ordinal)
                .Replace("\"key\":\"\"", $"\"key\":\"{key}\"", StringComparison.Ordinal)
        );
        node.Accepts("alice");
        node.Answers["/v1/status"] = _ =>
            (
                200,
                """{"version":"0","state":"ready","startedAt":null,"publicUrl":null,"listen":[],"gates":[],"publishedLogs":1,"followedLogs":0,"configFile":null}"""
            );
        return node;
    }

    Task<(int Exit, string Out, string Error)> SignAsync(LabBuild build, params string[] more) =>
        _f.RunAsync([
            "nix",
            "sign",
            "--key",
            _f["claims.key"],
            "--store",
            build.Root,
            "--view-cache",
            _f["views"],
            .. more,
            build.Derivation.ToString(),
        ]);

    TraceFindings Admit(LabBuild build, string element)
    {
        using var key = Key();
        var findings = new TraceFindings();
        new TraceAdmission(new TraceKeys([key.PublicKey.Key])).Admit(
            TraceElement.Of(System.Text.Encoding.UTF8.GetBytes(element)),
            TraceSamples.Question with
            {
                Input = Quorate.Nix.Derivations.ResolvedInputHash.Of(build.Derivation),
            },
            findings
        );
        return findings;
    }
}
