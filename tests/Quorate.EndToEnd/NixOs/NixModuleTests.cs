using System.Text.Json;
using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Crypto.Notes;
using Quorate.EndToEnd.Programs;
using Quorate.Testing;

namespace Quorate.EndToEnd.NixOs;

/// <summary>The NixOS module as the real Nix evaluates it, with the few functions of nixpkgs that it uses (eval.nix).</summary>
public sealed class NixModuleTests : IDisposable
{
    const string Everything = """
        services.quorate = {
          enable = true;
          package = "/opt/quorate";
          gate = { enable = true; rule = "2 of (alice, bob)"; useForNix = true; publicKey = "gate-1:x"; signingKeyFile = "@FOLDER@/gate.key"; };
          hook = { enable = true; log = "alice"; };
          witness = { enable = true; name = "witness.example/w"; keyFile = "@FOLDER@/witness.key"; logs = [ "@LOG@" ]; };
          settings = {
            node.listen = [ "http://127.0.0.1:8090" ];
            signers.alice = { type = "ed25519"; path = "@FOLDER@/alice.key"; };
            publish = [ { name = "alice"; protocol = "nix"; signer = "alice"; filter.deny = [ "acme-*" ]; } ];
            follow = [ { builder = "bob"; protocol = "nix"; key = "@KEY@"; remotes = [ "http://127.0.0.1:8091" ]; } ];
          };
        };
        nix.settings.substituters = [ "https://cache.example" ];
        """;

    static readonly string s_root = Vectors.RepositoryRoot();

    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Every_option_is_documented() =>
        Assert.Empty((await EvaluateAsync("services.quorate.package = \"/p\";")).GetProperty("undocumented").EnumerateArray());

    [Fact]
    public async Task Disabled_module_changes_nothing()
    {
        var config = (await EvaluateAsync("services.quorate.package = \"/p\";")).GetProperty("config");
        Assert.Equal(["services"], config.EnumerateObject().Select(member => member.Name));
    }

    [Fact]
    public async Task Configuration_of_node_gate_and_witness_is_one_that_the_node_accepts()
    {
        var bob = await KeyAsync("bob.key");
        await KeyAsync("alice.key");
        await KeyAsync("witness.key");
        using (var gate = NixCacheSecretKey.Generate("gate-1"))
        {
            gate.Write(_folder["gate.key"]);
        }
        Assert.True(Ed25519PublicKey.TryParse(bob, out var key));
        var log = NoteVerifierKey.Ed25519("log.example/logs/a", key);
        var user = Everything
            .Replace("@FOLDER@", _folder.Root, StringComparison.Ordinal)
            .Replace("@KEY@", bob, StringComparison.Ordinal)
            .Replace("@LOG@", log.ToString(), StringComparison.Ordinal);
        var evaluated = await EvaluateAsync(user);
        Assert.Empty(evaluated.GetProperty("failed").EnumerateArray());
        var file = evaluated.GetProperty("config").GetProperty("environment").GetProperty("etc").GetProperty("quorate/quorate.yaml");

        var check = await RunningProgram.RunAsync(
            "dotnet",
            [BuiltProgram.QuoratedDll, "--check-config", "--config", OnDisk(file.GetProperty("source").GetString()!)]
        );

        Assert.True(check.Code == 0, check.All);
        Assert.Contains("alice", check.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Gate_for_Nix_is_its_only_binary_cache()
    {
        var settings = (await EvaluateAsync(Everything)).GetProperty("config").GetProperty("nix").GetProperty("settings");
        Assert.Equal("""["http://127.0.0.1:8098"]""", settings.GetProperty("substituters").GetRawText());
        Assert.Equal("""["gate-1:x"]""", settings.GetProperty("trusted-public-keys").GetRawText());
        Assert.True(settings.GetProperty("require-sigs").GetBoolean());
    }

    [Fact]
    public async Task Hook_is_a_program_that_never_stops_a_build()
    {
        var settings = (await EvaluateAsync(Everything)).GetProperty("config").GetProperty("nix").GetProperty("settings");
        var hook = OnDisk(settings.GetProperty("post-build-hook").GetString()!);
        Assert.Contains(
            "/opt/quorate/bin/quorate nix hook run",
            await File.ReadAllTextAsync(hook, TestContext.Current.CancellationToken),
            StringComparison.Ordinal
        );
        // Its program is not there: as in a build, that must not matter.
        var run = await RunningProgram.RunAsync("sh", [hook], new Dictionary<string, string?> { ["OUT_PATHS"] = "/nix/store/x" });
        Assert.Equal(0, run.Code);
    }

    // The words are those that the hook reads, so that an option nobody knows shows here and not after every build.
    [Fact]
    public async Task Hook_that_signs_tells_its_program_how()
    {
        const string User = """
            services.quorate = {
              package = "/opt/quorate";
              hook = {
                enable = true;
                log = "alice";
                claimKeyFile = "/keys/it's claims.key";
                traceLog = "alice-traces";
                inputAddressed = true;
                dependencies = true;
                includePreimage = true;
                builderSoftware = { uri = "github:example/builders?rev=0"; digests = { gitCommit = "0"; sha256 = "1"; }; };
              };
            };
            """;
        var evaluated = await EvaluateAsync(User);
        Assert.Empty(evaluated.GetProperty("failed").EnumerateArray());
        var settings = evaluated.GetProperty("config").GetProperty("nix").GetProperty("settings");
        var script = await File.ReadAllTextAsync(
            OnDisk(settings.GetProperty("post-build-hook").GetString()!),
            TestContext.Current.CancellationToken
        );
        // In place of the program, one that prints its arguments.
        await File.WriteAllTextAsync(
            _folder["hook"],
            script.Replace("/opt/quorate/bin/quorate", "printf '%s\\n'", StringComparison.Ordinal),
            TestContext.Current.CancellationToken
        );
        var run = await RunningProgram.RunAsync(
            "sh",
            [_folder["hook"]],
            new Dictionary<string, string?> { ["DRV_PATH"] = "/nix/store/x.drv" }
        );

        var words = run.MustSucceed().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["nix", "hook", "run"], words[..3]);
        Assert.Equal(
            [
                "--node=unix:///run/quorate/control.socket",
                "--spool=/var/lib/quorate/spool",
                "--log=alice",
                "--claim-key=/keys/it's claims.key",
                "--trace-log=alice-traces",
                "--format=bundle",
                "--input-addressed",
                "--view-cache=/var/cache/quorate/views",
                "--dependencies",
                "--include-preimage",
                "--builder-software=github:example/builders?rev=0",
                "--builder-software-digest=gitCommit=0",
                "--builder-software-digest=sha256=1",
            ],
            words[3..]
        );
        var known = await BuiltProgram.QuorateAsync([.. words, "--dry-run", "--nix-store", "/bin/false", "/nix/store/x"]);
        Assert.DoesNotContain("unknown option", known.All, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Service_has_the_sandbox_of_the_Debian_package()
    {
        var service = (await EvaluateAsync(Everything))
            .GetProperty("config")
            .GetProperty("systemd")
            .GetProperty("services")
            .GetProperty("quorated")
            .GetProperty("serviceConfig");
        var unit = await File.ReadAllLinesAsync(
            Path.Combine(s_root, "packaging", "systemd", "quorated.service"),
            TestContext.Current.CancellationToken
        );
        var section = unit.SkipWhile(line => line != "[Service]").Skip(1).TakeWhile(line => line != "[Install]");
        var wanted = section
            .Where(line => line.Contains('=', StringComparison.Ordinal) && !line.StartsWith('#'))
            .Select(line => line.Split('=', 2))
            // Programs are elsewhere, and NixOS makes the folder in /etc.
            .Where(pair =>
                !pair[0].StartsWith("Exec", StringComparison.Ordinal) && !pair[0].StartsWith("Configuration", StringComparison.Ordinal)
            )
            .GroupBy(pair => pair[0], pair => pair[1])
            .ToDictionary(group => group.Key, group => string.Join(' ', group).Replace("yes", "true", StringComparison.Ordinal));
        var have = service
            .EnumerateObject()
            .Where(member => !member.Name.StartsWith("Exec", StringComparison.Ordinal))
            .ToDictionary(member => member.Name, member => Text(member.Value));
        Assert.Equal(wanted.OrderBy(p => p.Key, StringComparer.Ordinal), have.OrderBy(p => p.Key, StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("services.quorate = { enable = true; package = \"/p\"; gate.enable = true; };", "a gate without a rule")]
    [InlineData("services.quorate = { enable = true; package = \"/p\"; gate.useForNix = true; };", "needs gate.enable")]
    [InlineData("services.quorate = { enable = true; package = \"/p\"; witness.enable = true; };", "cosignatures need a name")]
    [InlineData("services.quorate = { package = \"/p\"; hook = { enable = true; claimKeyFile = \"/k\"; }; };", "claimKeyFile and traceLog")]
    [InlineData("services.quorate = { package = \"/p\"; hook = { enable = true; inputAddressed = true; }; };", "needs claimKeyFile")]
    [InlineData(
        "services.quorate = { package = \"/p\"; hook = { enable = true; claimKeyFile = \"/k\"; traceLog = \"t\"; format = \"jws3\"; dependencies = true; }; };",
        "a JWS has no place"
    )]
    [InlineData(
        "services.quorate = { package = \"/p\"; hook = { enable = true; builderSoftware.digests.a = \"b\"; }; };",
        "which is not given"
    )]
    [InlineData("services.quorate = { enable = true; package = \"/p\"; settings.node.state = \"/home/x\"; };", "sandbox")]
    public async Task Settings_that_cannot_work_are_refused_with_a_reason(string user, string reason)
    {
        var failed = (await EvaluateAsync(user)).GetProperty("failed").EnumerateArray().Select(message => message.GetString()!);
        Assert.Contains(failed, message => message.Contains(reason, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("services.quorate.gat.enable = true;", "does not exist")]
    [InlineData("services.quorate.gate.mode = \"maybe\";", "is not of type")]
    public async Task Options_that_do_not_exist_or_fit_are_errors(string user, string error)
    {
        var result = await RunAsync(user);
        Assert.NotEqual(0, result.Code);
        Assert.Contains(error, result.Errors, StringComparison.Ordinal);
    }

    async Task<string> KeyAsync(string file)
    {
        (await BuiltProgram.QuorateAsync("key", "new", _folder[file], "--public-file", _folder["public"])).MustSucceed();
        return (await File.ReadAllTextAsync(_folder["public"], TestContext.Current.CancellationToken)).Trim();
    }

    string OnDisk(string path) => _folder["store"] + path;

    async Task<JsonElement> EvaluateAsync(string user)
    {
        using var document = JsonDocument.Parse((await RunAsync(user)).MustSucceed().Output);
        return document.RootElement.Clone();
    }

    Task<ProgramResult> RunAsync(string user)
    {
        var evaluator = Path.Combine(s_root, "tests", "Quorate.EndToEnd", "NixOs", "eval.nix");
        var module = Path.Combine(s_root, "packaging", "nix", "module.nix");
        return RunningProgram.RunAsync(
            Machine.Require("nix-instantiate", "nix-bin"),
            // Files that the module writes are wanted, not only their names.
            [
                "--eval",
                "--strict",
                "--json",
                "--read-write-mode",
                "-E",
                $"import {evaluator} {{ module = {module}; user = {{ {user} }}; }}",
            ],
            new Dictionary<string, string?>
            {
                ["NIX_CONFIG"] = "build-users-group =",
                ["NIX_REMOTE"] = _folder["store"],
                ["HOME"] = _folder["home"],
            }
        );
    }

    static string Text(JsonElement value) =>
        value.ValueKind == JsonValueKind.Array ? string.Join(' ', value.EnumerateArray().Select(Text))
        : value.ToString().ToLowerInvariant() is "true" ? "true"
        : value.ToString();
}
