using Quorate.Core;
using Quorate.Crypto;
using Quorate.Log;
using Xunit;

namespace Quorate.Tests.Cli;

public sealed class MisbehaviourVerbTests : IDisposable
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("quorate-proof-");
    readonly Ed25519PrivateKey _key = Ed25519PrivateKey.FromSeed([.. Enumerable.Repeat((byte)7, 32)]);

    public void Dispose()
    {
        _key.Dispose();
        _folder.Delete(recursive: true);
    }

    string Proof()
    {
        var (one, two) = (Sha256Digest.HashData([1]), Sha256Digest.HashData([2]));
        var record = Misbehaviour.Between(
            LogHead.Sign(one, 5, one, one, 1, _key),
            LogHead.Sign(two, 5, two, two, 2, _key),
            DateTimeOffset.UnixEpoch
        )!;
        var path = Path.Combine(_folder.FullName, "bob.proof");
        File.WriteAllBytes(path, MisbehaviourProof.Write(record, _key.PublicKey));
        return path;
    }

    static async Task<(int Exit, string Out, string Error)> RunAsync(params string[] args)
    {
        using var fixture = new CliFixture();
        return await fixture.RunAsync(args);
    }

    [Fact]
    public async Task Verify_of_a_proof_under_the_logs_key_succeeds()
    {
        var (exit, output, _) = await RunAsync("log", "misbehaviour", "verify", Proof(), "--key", _key.PublicKey.ToString());
        Assert.Equal(0, exit);
        Assert.StartsWith("proven: two signed trees of size 5", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_under_another_key_proves_nothing()
    {
        using var other = Ed25519PrivateKey.FromSeed([.. Enumerable.Repeat((byte)8, 32)]);
        var (exit, output, _) = await RunAsync("log", "misbehaviour", "verify", Proof(), "--key", other.PublicKey.ToString());
        Assert.Equal(2, exit);
        Assert.StartsWith("proves nothing: bad-signature", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_of_a_damaged_file_says_so_in_json()
    {
        var path = Proof();
        File.AppendAllText(path, "more\n");
        var (exit, output, _) = await RunAsync("log", "misbehaviour", "verify", path, "--key", _key.PublicKey.ToString(), "--json");
        Assert.Equal(2, exit);
        Assert.Contains("\"proven\": false", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_of_no_file_is_an_error()
    {
        var (exit, _, error) = await RunAsync("log", "misbehaviour", "verify", "/nonexistent", "--key", _key.PublicKey.ToString());
        Assert.Equal(1, exit);
        Assert.Contains("/nonexistent", error, StringComparison.Ordinal);
    }
}
