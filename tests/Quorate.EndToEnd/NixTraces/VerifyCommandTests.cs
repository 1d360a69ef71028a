using System.Text.Json;
using Quorate.EndToEnd.Programs;
using Quorate.Testing;

namespace Quorate.EndToEnd.NixTraces;

/// <summary><c>quorate nix verify</c> as a user starts it, on a real closure in files.</summary>
public sealed class VerifyCommandTests : IDisposable
{
    const string Folder = "nix-build-traces";
    const string Hello = "yvixdlqwq3l5ikd0b5c3f39pxmfynwhl-hello-2.12.1.drv";
    const string HelloOut = "/nix/store/56zjcp964v7lcigv4fjgw0aqgyqpz75h-hello-2.12.1";

    const string Validate = """
        import json, sys
        from jsonschema import Draft7Validator, RefResolver
        folder, document = sys.argv[1:]
        load = lambda name: json.load(open(folder + "/" + name))
        schema = load("bom-1.6.SNAPSHOT.schema.json")
        base = schema["$id"].rsplit("/", 1)[0] + "/"
        others = {base + name: load(name) for name in ("spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json")}
        resolver = RefResolver(schema["$id"], schema, store=others)
        errors = list(Draft7Validator(schema, resolver=resolver).iter_errors(json.load(open(document))))
        for error in errors[:5]:
            print(list(error.absolute_path), error.message[:200])
        sys.exit(1 if errors else 0)
        """;

    readonly string _folder = Directory.CreateTempSubdirectory("quorate-verify-").FullName;

    public VerifyCommandTests()
    {
        var drvs = Directory.CreateDirectory(In("drvs")).FullName;
        using (var document = JsonDocument.Parse(File.ReadAllBytes(Vectors.Find(Folder + "/hello-ca-recursive-unresolved-aterm.json"))))
        {
            foreach (var derivation in document.RootElement.EnumerateObject())
            {
                File.WriteAllText(Path.Combine(drvs, Path.GetFileName(derivation.Name)), derivation.Value.GetString());
            }
        }
        var traces = Directory.CreateDirectory(In("cache/traces")).FullName;
        foreach (var file in Directory.EnumerateFiles(Vectors.Find(Folder + "/traces")))
        {
            File.Copy(file, Path.Combine(traces, Path.GetFileName(file)));
        }
        var keys = "AB".Select(c => File.ReadAllText(Vectors.Find($"{Folder}/keys/builder{c}_key.public")).Trim()).ToArray();
        File.WriteAllText(
            In("trust.yaml"),
            $"rule: alice and bob\nbuilders:\n  alice: {{ keys: [\"{keys[0]}\"] }}\n  bob: {{ keys: [\"{keys[1]}\"] }}\n"
        );
        File.WriteAllText(
            In("logged.yaml"),
            File.ReadAllText(In("trust.yaml")).Replace("alice and bob", "alice where built", StringComparison.Ordinal)
        );
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Verify_of_hello_accepts_and_writes_reports()
    {
        var result = await VerifyAsync("trust.yaml", "--json", "--graph", In("graph.html"));
        Assert.Equal((0, ""), (result.Code, result.Errors));
        using var json = JsonDocument.Parse(result.Output);
        Assert.Equal("accepted", json.RootElement.GetProperty("verdict").GetString());
        Assert.Equal(HelloOut, json.RootElement.GetProperty("outputs").GetProperty("out").GetString());
        Assert.Equal(157, json.RootElement.GetProperty("positions").GetArrayLength());
        Assert.Contains(
            "<svg",
            await File.ReadAllTextAsync(In("graph.html"), TestContext.Current.CancellationToken),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Verify_of_hello_from_loose_files_accepts()
    {
        var claims = In("claims");
        Directory.Move(In("cache/traces"), claims);
        var result = await BuiltProgram.QuorateAsync([
            "nix",
            "verify",
            Hello,
            "--drvs",
            In("drvs"),
            "--trust",
            In("trust.yaml"),
            "--source",
            $"bundle:{claims}",
        ]);
        Assert.Equal((0, ""), (result.Code, result.Errors));
    }

    [Fact]
    public async Task Bill_of_materials_is_valid_CycloneDX()
    {
        Machine.Require("python3", "python3");
        if ((await RunningProgram.RunAsync("python3", ["-c", "import jsonschema"])).Code != 0)
        {
            Machine.Missing("missing: python3-jsonschema");
        }
        var schema = Path.Combine(Vectors.RepositoryRoot(), "artifacts", "cyclonedx-schema");
        var fetch = await RunningProgram.RunAsync(Path.Combine(Vectors.RepositoryRoot(), "eng", "cyclonedx-schema.sh"), [schema]);
        if (fetch.Code != 0)
        {
            Machine.Missing($"the schema of CycloneDX cannot be had: {fetch.Errors}");
        }
        (await VerifyAsync("trust.yaml", "--sbom", In("bom.json"))).MustSucceed();
        var checkedBy = await RunningProgram.RunAsync("python3", ["-W", "ignore", "-c", Validate, schema, In("bom.json")]);
        Assert.Equal((0, ""), (checkedBy.Code, checkedBy.Output));
        // The validator must be able to see a fault.
        var broken = (await File.ReadAllTextAsync(In("bom.json"), TestContext.Current.CancellationToken)).Replace(
            "\"SHA-256\"",
            "\"SHA\"",
            StringComparison.Ordinal
        );
        await File.WriteAllTextAsync(In("broken.json"), broken, TestContext.Current.CancellationToken);
        Assert.Equal(1, (await RunningProgram.RunAsync("python3", ["-W", "ignore", "-c", Validate, schema, In("broken.json")])).Code);
    }

    [Fact]
    public async Task Summary_is_signed_by_the_key_that_was_given()
    {
        (await BuiltProgram.QuorateAsync("key", "new", In("key"))).MustSucceed();
        (await VerifyAsync("trust.yaml", "--vsa", In("vsa.json"), "--vsa-key", In("key"))).MustSucceed();
        using var envelope = JsonDocument.Parse(await File.ReadAllBytesAsync(In("vsa.json"), TestContext.Current.CancellationToken));
        using var statement = JsonDocument.Parse(envelope.RootElement.GetProperty("payload").GetBytesFromBase64());
        Assert.Equal("https://slsa.dev/verification_summary/v1", statement.RootElement.GetProperty("predicateType").GetString());
    }

    [Fact]
    public async Task Missing_trace_is_exit_status_2_and_named()
    {
        var accepted = await VerifyAsync("trust.yaml", "--json");
        using var json = JsonDocument.Parse(accepted.Output);
        var victim = json.RootElement.GetProperty("positions")[100];
        File.Delete(In($"cache/traces/{victim.GetProperty("resolved").GetString()}"));
        var result = await VerifyAsync("trust.yaml", "--json");
        Assert.Equal(2, result.Code);
        using var rejected = JsonDocument.Parse(result.Output);
        Assert.Equal(
            victim.GetProperty("derivation").GetString(),
            Assert.Single(rejected.RootElement.GetProperty("missing").EnumerateArray()).GetProperty("derivation").GetString()
        );
    }

    [Fact]
    public async Task Condition_that_the_claims_cannot_meet_is_exit_status_2()
    {
        var result = await VerifyAsync("logged.yaml");
        Assert.Equal(2, result.Code);
        Assert.Contains("does not meet 'where built'", result.Output.ReplaceLineEndings(" "), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unreadable_trace_is_exit_status_3()
    {
        foreach (var file in Directory.EnumerateFiles(In("cache/traces")).Take(40))
        {
            await File.WriteAllTextAsync(file, "not a trace", TestContext.Current.CancellationToken);
        }
        Assert.Equal(3, (await VerifyAsync("trust.yaml")).Code);
    }

    [Fact]
    public async Task Directory_in_place_of_a_trace_is_exit_status_3()
    {
        foreach (var file in Directory.GetFiles(In("cache/traces")).Take(40))
        {
            File.Delete(file);
            Directory.CreateDirectory(file);
        }
        Assert.Equal(3, (await VerifyAsync("trust.yaml")).Code);
    }

    [Fact]
    public async Task Source_that_is_not_there_is_exit_status_1()
    {
        Directory.Move(In("cache"), In("elsewhere"));
        var result = await VerifyAsync("trust.yaml");
        Assert.Equal(1, result.Code);
        Assert.Contains($"--source dir:{In("cache")}: there is no such directory", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Claims_without_a_logs_proof_count_for_nothing_where_one_is_required()
    {
        // The key of Sigstore's public log; none of these claims is in it.
        await File.WriteAllTextAsync(
            In("root.json"),
            """
            {"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1","tlogs":[{"baseUrl":"https://log2025-1.rekor.sigstore.dev","hashAlgorithm":"SHA2_256","publicKey":{"rawBytes":"MCowBQYDK2VwAyEAt8rlp1knGwjfbcXAYPYAkn0XiLz1x8O4t0YkEhie244=","keyDetails":"PKIX_ED25519"},"logId":{"keyId":"zxGZFVvd0FEmjR8WrFwMdcAJ9vtaY/QXf44Y1wUeP6A="}}]}
            """,
            TestContext.Current.CancellationToken
        );
        var result = await VerifyAsync("trust.yaml", "--require-log", "--trusted-root", In("root.json"), "--json");
        Assert.Equal(2, result.Code);
        using var json = JsonDocument.Parse(result.Output);
        Assert.True(json.RootElement.GetProperty("refused").GetProperty("NotLogged").GetInt32() > 0);
    }

    [Fact]
    public async Task Wrong_usage_is_exit_status_1()
    {
        Assert.Equal(1, (await VerifyAsync("trust.yaml", "--require-log")).Code);
        Assert.Equal(1, (await VerifyAsync("trust.yaml", "--trusted-root", In("trust.yaml"))).Code);
        Assert.Equal(1, (await VerifyAsync("trust.yaml", "--require-log", "--trusted-root", In("trust.yaml"))).Code);
        Assert.Equal(1, (await VerifyAsync("trust.yaml", "--expect", "out=nowhere")).Code);
        Assert.Equal(1, (await VerifyAsync("trust.yaml", "--vsa", In("vsa.json"))).Code);
        Assert.Equal(1, (await BuiltProgram.QuorateAsync("nix", "verify", Hello)).Code);
    }

    Task<ProgramResult> VerifyAsync(string trust, params string[] more) =>
        BuiltProgram.QuorateAsync([
            "nix",
            "verify",
            Hello,
            "--drvs",
            In("drvs"),
            "--trust",
            In(trust),
            "--source",
            $"dir:{In("cache")}",
            .. more,
        ]);

    string In(string name) => Path.Combine(_folder, name);
}
