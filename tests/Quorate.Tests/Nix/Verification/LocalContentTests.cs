using System.Text;
using System.Text.Json;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Nar;
using Quorate.Nix.Verification;
using Quorate.Tests.Nix.Nar;
using Quorate.Trust;
using Xunit;

namespace Quorate.Tests.Nix.Verification;

public sealed class LocalContentTests : IDisposable
{
    static readonly Tree s_file = new Tree.File(false, "hi\n");
    static readonly Tree s_folder = Tree.Of(("f", s_file));

    static readonly StorePath s_path = StorePath.Parse("/nix/store/00000000000000000000000000000000-n");
    static readonly StorePath s_derivation = StorePath.Parse("/nix/store/00000000000000000000000000000000-n.drv");

    readonly string _root = Directory.CreateTempSubdirectory("q-local").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    public static TheoryData<string> Addressings =>
        ["sha256", "r:sha256", "text:sha256", "git:sha1", "git:sha256", "blake3", "r:blake3", "r:sha512"];

    [Theory]
    [MemberData(nameof(Addressings))]
    public async Task Check_bytes_that_were_verified_match(string addressing)
    {
        var path = await PutAsync(addressing);
        Assert.Equal("matches", (await CheckAsync(addressing, path)).State);
    }

    [Theory]
    [MemberData(nameof(Addressings))]
    public async Task Check_changed_bytes_differ(string addressing)
    {
        var path = await PutAsync(addressing);
        await File.AppendAllTextAsync(
            Directory.Exists(_root + path) ? $"{_root}{path}/f" : _root + path,
            "x",
            TestContext.Current.CancellationToken
        );
        Assert.Equal("differs", (await CheckAsync(addressing, path)).State);
    }

    // The hash of the bytes is the same, but no object of this kind is addressed so: that is no reason to know less about it.
    [Theory]
    [InlineData("sha256")]
    [InlineData("git:sha1")]
    [InlineData("blake3")]
    public async Task Check_file_that_became_a_program_differs(string addressing)
    {
        var path = await PutAsync(addressing);
        File.SetUnixFileMode(_root + path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        Assert.Equal("differs", (await CheckAsync(addressing, path)).State);
    }

    [Fact]
    public async Task Check_path_that_is_not_here_is_absent() =>
        Assert.Equal("absent", (await CheckAsync("sha256", StorePath.Parse("/nix/store/00000000000000000000000000000000-n"))).State);

    [Fact]
    public async Task Check_path_of_which_Nix_knows_nothing_is_unknown()
    {
        var path = await PutAsync("sha256");
        Assert.Equal("unknown", (await CheckAsync("sha256", path, registered: false)).State);
    }

    [Fact]
    public async Task Check_deferred_output_is_compared_by_the_claimed_NAR_hash()
    {
        var path = await PutAsync("sha256");
        var hash = Sha256Digest.HashData(s_file.ToArchive());
        Assert.Equal("matches", (await CheckAsync("", path, claimed: hash)).State);
        Assert.Equal("differs", (await CheckAsync("", path, claimed: default(Sha256Digest))).State);
        Assert.Equal("unknown", (await CheckAsync("", path)).State);
    }

    [Theory]
    [InlineData(Verdict.Accepted, "matches", Verdict.Accepted)]
    [InlineData(Verdict.Accepted, "absent", Verdict.Accepted)]
    [InlineData(Verdict.Accepted, "unknown", Verdict.Inconclusive)]
    [InlineData(Verdict.Accepted, "differs", Verdict.Rejected)]
    [InlineData(Verdict.Rejected, "unknown", Verdict.Rejected)]
    [InlineData(Verdict.Inconclusive, "differs", Verdict.Rejected)]
    public void Compared_bytes_decide_with_the_evidence_and_never_for_it(Verdict evidence, string state, Verdict verdict) =>
        Assert.Equal(
            verdict,
            Verified(evidence).Compared([new LocalContent(s_path, "matches", ""), new LocalContent(s_path, state, "")]).Verdict
        );

    [Fact]
    public void Summary_where_bytes_on_this_machine_differ_says_that_it_failed_and_vouches_for_no_output()
    {
        var result = Verified(Verdict.Accepted).Compared([new LocalContent(s_path, "differs", "other bytes")]);
        using var key = Ed25519PrivateKey.Generate();
        var summary = new VerificationSummary("urn:me", "file:///trust", Sha256Digest.Zero);
        using var envelope = JsonDocument.Parse(summary.Sign(result, key, DateTimeOffset.UnixEpoch));
        using var statement = JsonDocument.Parse(envelope.RootElement.GetProperty("payload").GetBytesFromBase64());
        Assert.Equal("FAILED", statement.RootElement.GetProperty("predicate").GetProperty("verificationResult").GetString());
        var subject = Assert.Single(statement.RootElement.GetProperty("subject").EnumerateArray());
        Assert.Equal(s_derivation.BaseName, subject.GetProperty("name").GetString());
    }

    static TraceVerification Verified(Verdict verdict)
    {
        var outputs = OutputPaths.Of(new Dictionary<string, string> { ["out"] = s_path.ToString() });
        var position = new VerifiedPosition(s_derivation, DerivationKind.Floating, outputs, null, []) { Inputs = [], Claims = [] };
        return new TraceVerification(
            verdict,
            VerificationMode.Coalition,
            s_derivation,
            outputs,
            "rule",
            [],
            [position],
            [],
            [],
            [],
            [],
            [],
            null
        );
    }

    /// <summary>Puts an object into the store, at the path that follows from it.</summary>
    async Task<StorePath> PutAsync(string addressing)
    {
        var output = Output(addressing);
        var tree = output.Method == ContentMethod.Nar || addressing == "git:sha256" ? s_folder : s_file;
        var draft = StorePath.Parse("/nix/store/00000000000000000000000000000000-n");
        Directory.CreateDirectory(_root + StorePath.DefaultStoreDir);
        tree.WriteTo(_root + draft);
        var check = await ContentCheck.WithReferencesAsync(
            draft,
            _root + draft,
            output.Method,
            output.Algorithm,
            [],
            CancellationToken.None
        );
        var path = check.Addresses[0].Path;
        Directory.Move(_root + draft, _root + path);
        return path;
    }

    Task<LocalContent> CheckAsync(string addressing, StorePath path, bool registered = true, Sha256Digest? claimed = null)
    {
        var checker = new LocalContentChecker(
            located => _root + located,
            (_, _) => Task.FromResult<IReadOnlyList<StorePath>?>(registered ? [] : null)
        );
        var derivation = Derivation(addressing);
        var position = new VerifiedPosition(DerivationPaths.Of(derivation, "n"), derivation.Kind, Outputs: null, Resolved: null, [])
        {
            Inputs = [],
            Claims = [],
        };
        return checker.CheckAsync(new VerifiedOutput(position, "out", path, claimed), derivation, CancellationToken.None);
    }

    static DerivationOutput Output(string addressing) => Derivation(addressing).Output("out")!;

    static Derivation Derivation(string addressing) =>
        Quorate.Nix.Derivations.Derivation.Parse(
            Encoding.UTF8.GetBytes($$"""Derive([("out","","{{addressing}}","")],[],[],"x86_64-linux","/bin/sh",[],[("name","n")])"""),
            StorePath.DefaultStoreDir
        );
}
