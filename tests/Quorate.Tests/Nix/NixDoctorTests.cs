using FsCheck;
using FsCheck.Fluent;
using Quorate.Nix.Doctor;
using Xunit;

namespace Quorate.Tests.Nix;

public sealed class NixDoctorTests
{
    const string GateKey = "gate-1:HUVKVQ0mv2FmdY0vszx6h5B11aWcQCaQx0Tgccfdrek=";

    /// <summary>The lines that matter of what Nix 2.8.0 prints on a machine that nobody configured.</summary>
    const string Shown = """
        accept-flake-config = false
        access-tokens = 
        builders = @/etc/nix/machines
        builders-use-substitutes = false
        fallback = false
        narinfo-cache-negative-ttl = 3600
        narinfo-cache-positive-ttl = 2592000
        require-sigs = true
        substitute = true
        substituters = https://cache.nixos.org/
        trusted-public-keys = cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=
        trusted-substituters = 
        trusted-users = root

        """;

    const string Good = $"""
        substituters = http://127.0.0.1:8098
        trusted-public-keys = {GateKey}
        require-sigs = true
        trusted-users = root
        builders =
        narinfo-cache-negative-ttl = 60   # short
        narinfo-cache-positive-ttl = 3600
        """;

    static readonly Uri s_gate = new("http://127.0.0.1:8098");

    [Fact]
    public void Examine_machine_that_only_uses_the_gate_is_good() =>
        Assert.All(Examine(Good), finding => Assert.Equal(FindingSeverity.Good, finding.Severity));

    [Fact]
    public void Examine_unconfigured_machine_is_bypassed_by_the_default_cache_and_its_key()
    {
        var findings = NixDoctor.Examine(NixSettings.ParseShown(Shown), s_gate, GateKey);
        Assert.Equal(
            ["substituters", "substituters", "trusted-public-keys"],
            findings.Where(finding => finding.Severity == FindingSeverity.Bypass).Select(finding => finding.Setting)
        );
    }

    [Fact]
    public void Examine_empty_file_means_the_defaults_of_nix() =>
        Assert.Contains(
            Examine(""),
            finding =>
                finding.Severity == FindingSeverity.Bypass && finding.Explanation.Contains("cache.nixos.org", StringComparison.Ordinal)
        );

    [Theory]
    [InlineData("extra-substituters = https://other.example", "substituters", FindingSeverity.Bypass)]
    [InlineData("binary-caches = https://other.example", "substituters", FindingSeverity.Bypass)]
    [InlineData("substituters = http://127.0.0.1:8098?trusted=true", "substituters", FindingSeverity.Bypass)]
    [InlineData("extra-trusted-public-keys = other-1:AAAA", "trusted-public-keys", FindingSeverity.Bypass)]
    [InlineData("trusted-public-keys = other-1:AAAA", "trusted-public-keys", FindingSeverity.Bypass)]
    [InlineData("require-sigs = false", "require-sigs", FindingSeverity.Bypass)]
    [InlineData("require-sigs = no", "require-sigs", FindingSeverity.Bypass)]
    [InlineData("trusted-users = root alice", "trusted-users", FindingSeverity.Warning)]
    [InlineData("extra-trusted-users = @wheel", "trusted-users", FindingSeverity.Warning)]
    [InlineData("trusted-users = *", "trusted-users", FindingSeverity.Bypass)]
    [InlineData("trusted-substituters = https://other.example", "trusted-substituters", FindingSeverity.Warning)]
    [InlineData("accept-flake-config = true", "accept-flake-config", FindingSeverity.Bypass)]
    [InlineData("builders = ssh://builder", "builders", FindingSeverity.Warning)]
    [InlineData("builders = @/etc/nix/machines", "builders", FindingSeverity.Advice)]
    [InlineData("substitute = false", "substitute", FindingSeverity.Advice)]
    [InlineData("fallback = true", "fallback", FindingSeverity.Advice)]
    [InlineData("narinfo-cache-negative-ttl = 3600", "narinfo-cache-negative-ttl", FindingSeverity.Advice)]
    [InlineData("narinfo-cache-positive-ttl = 2592000", "narinfo-cache-positive-ttl", FindingSeverity.Advice)]
    [InlineData("experimental-features = nix-command ca-derivations", "experimental-features", FindingSeverity.Warning)]
    [InlineData("no equals sign", "nix.conf", FindingSeverity.Warning)]
    [InlineData("include /missing.conf", "nix.conf", FindingSeverity.Warning)]
    public void Examine_one_bad_line_is_found(string line, string setting, FindingSeverity severity) =>
        Assert.Contains(
            Examine(Good + "\n" + line),
            finding => finding.Setting == setting && finding.Severity == severity && finding.Fix.Length > 0
        );

    [Fact]
    public void Examine_without_the_gates_key_still_knows_that_the_default_cache_is_not_the_gate()
    {
        var settings = NixSettings.ParseFile("substituters = http://127.0.0.1:8098", _ => null);
        Assert.Contains(
            NixDoctor.Examine(settings, s_gate, gateKey: null),
            finding => finding is { Setting: "trusted-public-keys", Severity: FindingSeverity.Bypass }
        );
    }

    [Fact]
    public void Examine_optional_include_that_is_missing_is_no_problem() =>
        Assert.All(Examine(Good + "\n!include /missing.conf"), finding => Assert.Equal(FindingSeverity.Good, finding.Severity));

    [Fact]
    public void ParseFile_included_file_is_read()
    {
        var settings = NixSettings.ParseFile("include a.conf", path => path == "a.conf" ? "require-sigs = false" : null);
        Assert.True(settings.TryGet("require-sigs", out var value));
        Assert.Equal("false", value);
    }

    [Fact]
    public void ParseFile_file_that_includes_itself_ends()
    {
        var settings = NixSettings.ParseFile("include a.conf", _ => "include a.conf");
        Assert.NotEmpty(settings.Problems);
    }

    [Fact]
    public void Examine_any_text_never_throws()
    {
        var words = Gen.Elements(
            "substituters",
            "=",
            " ",
            "\n",
            "#",
            "include",
            "extra-",
            "*",
            "http://[",
            "trusted-users",
            ":",
            "9999999999999999999999"
        );
        Prop.ForAll(Gen.ListOf(words).Select(list => string.Concat(list)).ToArbitrary(), text => Examine(text).Count > 0)
            .QuickCheckThrowOnFailure();
    }

    static IReadOnlyList<NixFinding> Examine(string file) => NixDoctor.Examine(NixSettings.ParseFile(file, _ => null), s_gate, GateKey);
}
