using Quorate.Core;
using Quorate.Crypto.Keys;
using Quorate.Nix;
using Quorate.Sources.NixCaches;
using Quorate.Testing;
using Quorate.Tests.Nix;
using Quorate.Trust;
using Xunit;

namespace Quorate.Tests.Gates;

public sealed class SignedCacheTests : IAsyncLifetime
{
    static readonly NarInfo s_info = NixSamples.Info(NixSamples.Top);

    readonly string _folder = Directory.CreateTempSubdirectory("quorate-test-").FullName;
    readonly ManualTime _time = new();
    LoopbackCache _server = null!;

    static string File => s_info.StorePath.HashPart + ".narinfo";

    static BuildInput Input => new(Protocol.Nix, NixKeyForms.FullKey(s_info.StorePath));

    public async ValueTask InitializeAsync() => _server = await LoopbackCache.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task AskAsync_signed_narinfo_is_a_claim_that_is_neither_logged_nor_built()
    {
        _server.Put(s_info);
        using var cache = Open();
        var given = Assert.IsType<Testimony.Given>(await cache.AskAsync(Input, CancellationToken.None));
        Assert.Equal("nixos", given.Builder);
        Assert.Null(given.Evidence.Position);
        Assert.Equal(ClaimOrigin.SignedCache, given.Evidence.Claim.Origin);
        Assert.True(NixClaim.TryFrom(given.Evidence.Claim.Outputs, out var claim));
        Assert.Equal(NixClaim.Parse(NixSamples.Bytes(NixSamples.TopClaim)), claim);
    }

    [Fact]
    public async Task AskAsync_claim_means_the_same_as_a_logged_one()
    {
        _server.Put(s_info);
        using var cache = Open();
        var given = Assert.IsType<Testimony.Given>(await cache.AskAsync(Input, CancellationToken.None));
        Assert.True(NixClaimFormat.Instance.TryParse(Input.Key, NixSamples.Bytes(NixSamples.TopClaim), out var logged, out _));
        Assert.Equal(logged, given.Evidence.Claim.Outputs);
    }

    [Fact]
    public async Task AskAsync_narinfo_by_another_key_is_no_claim()
    {
        using var other = NixCacheSecretKey.Generate(NixSamples.KeyName);
        _server.Put((s_info with { Signatures = [] }).SignedBy(other));
        using var cache = Open();
        Assert.IsType<Testimony.Silent>(await cache.AskAsync(Input, CancellationToken.None));
    }

    [Fact]
    public async Task AskAsync_narinfo_changed_after_signing_is_no_claim()
    {
        _server.Put(s_info with { NarHash = Sha256Digest.HashData("evil"u8) });
        using var cache = Open();
        Assert.IsType<Testimony.Silent>(await cache.AskAsync(Input, CancellationToken.None));
    }

    [Fact]
    public async Task AskAsync_absent_path_is_silence() => Assert.IsType<Testimony.Silent>(await AskOnceAsync());

    [Fact]
    public async Task AskAsync_forbidden_path_is_silence()
    {
        Answer(403);
        Assert.IsType<Testimony.Silent>(await AskOnceAsync());
    }

    [Theory]
    [InlineData(500)]
    [InlineData(503)]
    [InlineData(401)]
    public async Task AskAsync_failing_cache_is_unavailable(int status)
    {
        Answer(status);
        Assert.IsType<Testimony.Unavailable>(await AskOnceAsync());
    }

    [Fact]
    public async Task AskAsync_garbage_is_unavailable()
    {
        _server.Put(File, "<html>"u8.ToArray());
        Assert.IsType<Testimony.Unavailable>(await AskOnceAsync());
    }

    [Fact]
    public async Task AskAsync_endless_answer_is_unavailable()
    {
        _server.Put(
            File,
            async context =>
            {
                var line = NixSamples.Bytes("X: " + new string('x', 8000) + "\n");
                while (!context.RequestAborted.IsCancellationRequested)
                {
                    await context.Response.Body.WriteAsync(line, context.RequestAborted);
                }
            }
        );
        Assert.IsType<Testimony.Unavailable>(await AskOnceAsync());
    }

    [Fact]
    public async Task AskAsync_silent_server_is_unavailable_after_the_time_limit()
    {
        _server.Put(File, context => Task.Delay(Timeout.Infinite, context.RequestAborted));
        using var cache = Open(new BinaryCacheOptions { NarInfoTimeout = TimeSpan.FromMilliseconds(200) }, TimeProvider.System);
        Assert.IsType<Testimony.Unavailable>(await cache.AskAsync(Input, CancellationToken.None));
    }

    [Fact]
    public async Task AskAsync_redirect_to_another_origin_is_not_followed()
    {
        await using var elsewhere = await LoopbackCache.StartAsync();
        elsewhere.Put(s_info);
        Redirect(new Uri(elsewhere.Url, "/prefix/" + File).AbsoluteUri);
        Assert.IsType<Testimony.Unavailable>(await AskOnceAsync());
        Assert.Empty(elsewhere.Requests);
    }

    [Fact]
    public async Task AskAsync_redirect_within_the_origin_is_followed()
    {
        Redirect("/prefix/moved");
        _server.Put("moved", NixSamples.Bytes(NixSamples.Top));
        Assert.IsType<Testimony.Given>(await AskOnceAsync());
    }

    [Fact]
    public async Task AskAsync_redirect_loop_ends()
    {
        Redirect("/prefix/" + File);
        Assert.IsType<Testimony.Unavailable>(await AskOnceAsync());
        Assert.Equal(4, _server.CountOf(File));
    }

    [Fact]
    public async Task AskAsync_another_name_of_the_same_hash_is_malformed()
    {
        _server.Put(s_info);
        using var cache = Open();
        var input = new BuildInput(Protocol.Nix, NixSamples.Bytes(s_info.StorePath + "-other"));
        Assert.IsType<Testimony.Malformed>(await cache.AskAsync(input, CancellationToken.None));
    }

    [Fact]
    public async Task AskAsync_kept_claim_needs_no_network()
    {
        _server.Put(s_info);
        var seen = _time.GetUtcNow();
        using (var cache = Open())
        {
            await cache.AskAsync(Input, CancellationToken.None);
        }
        _server.Remove(File);
        _time.Advance(TimeSpan.FromDays(1));
        using var later = Open();
        var given = Assert.IsType<Testimony.Given>(await later.AskAsync(Input, CancellationToken.None));
        Assert.Equal(seen, given.Evidence.FirstSeen);
        Assert.Equal(1, _server.CountOf(File));
    }

    [Fact]
    public async Task AskAsync_kept_claim_that_was_tampered_with_is_fetched_again()
    {
        _server.Put(s_info);
        using (var cache = Open())
        {
            await cache.AskAsync(Input, CancellationToken.None);
        }
        var file = Directory.GetFiles(_folder, "*.narinfo", SearchOption.AllDirectories).Single();
        await System.IO.File.WriteAllTextAsync(file, (await System.IO.File.ReadAllTextAsync(file)).Replace("NarSize: 216", "NarSize: 217"));
        using var later = Open();
        Assert.IsType<Testimony.Given>(await later.AskAsync(Input, CancellationToken.None));
        Assert.Equal(2, _server.CountOf(File));
    }

    [Fact]
    public async Task AskAsync_cache_that_a_reload_closed_is_unavailable()
    {
        var cache = Open();
        cache.Dispose();
        Assert.IsType<Testimony.Unavailable>(await cache.AskAsync(Input, CancellationToken.None));
    }

    [Fact]
    public async Task AskAsync_dead_cache_is_left_alone_for_a_while()
    {
        Answer(503);
        using var cache = Open();
        await cache.AskAsync(Input, CancellationToken.None);
        var other = new BuildInput(Protocol.Nix, NixSamples.Bytes(NixSamples.LeafPath));
        Assert.IsType<Testimony.Unavailable>(await cache.AskAsync(other, CancellationToken.None));
        Assert.Single(_server.Requests);
        _time.Advance(SignedCache.OutagePause);
        Assert.IsType<Testimony.Silent>(await cache.AskAsync(other, CancellationToken.None));
    }

    [Fact]
    public async Task AskAsync_silence_is_believed_for_a_while()
    {
        using var cache = Open();
        await cache.AskAsync(Input, CancellationToken.None);
        _server.Put(s_info);
        _time.Advance(SignedCache.SilenceIsBelieved - TimeSpan.FromSeconds(1));
        Assert.IsType<Testimony.Silent>(await cache.AskAsync(Input, CancellationToken.None));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.IsType<Testimony.Given>(await cache.AskAsync(Input, CancellationToken.None));
    }

    [Fact]
    public async Task LookupAsync_cache_in_a_directory_is_read()
    {
        var directory = Directory.CreateDirectory(Path.Combine(_folder, "cache")).FullName;
        await System.IO.File.WriteAllTextAsync(Path.Combine(directory, File), NixSamples.Top);
        using var client = new BinaryCacheClient(BinaryCacheAddress.Create(new Uri("file://" + directory)), TimeProvider.System);
        var file = await client.NarInfoAsync(s_info.StorePath.HashPart, StorePath.DefaultStoreDir, CancellationToken.None);
        Assert.Equal(s_info, file?.Info);
        Assert.Null(await client.NarInfoAsync(new string('0', 32), StorePath.DefaultStoreDir, CancellationToken.None));
    }

    [Theory]
    [InlineData("../secret")]
    [InlineData("%2e%2e/secret")]
    [InlineData("/etc/passwd")]
    [InlineData("file:///etc/passwd")]
    [InlineData("nar/%00")]
    [InlineData("%2e%2e%2fsecret")]
    public async Task OpenNarAsync_url_out_of_the_directory_is_refused(string url)
    {
        await System.IO.File.WriteAllTextAsync(Path.Combine(_folder, "secret"), "x");
        var directory = Directory.CreateDirectory(Path.Combine(_folder, "cache")).FullName;
        using var client = new BinaryCacheClient(BinaryCacheAddress.Create(new Uri("file://" + directory)), TimeProvider.System);
        await Assert.ThrowsAsync<BinaryCacheException>(() => client.OpenNarAsync(s_info with { Url = url }, CancellationToken.None));
    }

    [Theory]
    [InlineData("http://example.org/nar/x")]
    [InlineData("//example.org/nar/x")]
    [InlineData("../x")]
    [InlineData("/x")]
    [InlineData("ftp:x")]
    [InlineData("nar/x#y")]
    public async Task OpenNarAsync_url_out_of_the_cache_is_refused(string url)
    {
        using var client = new BinaryCacheClient(BinaryCacheAddress.Create(_server.Url), TimeProvider.System);
        await Assert.ThrowsAsync<BinaryCacheException>(() => client.OpenNarAsync(s_info with { Url = url }, CancellationToken.None));
        Assert.Empty(_server.Requests);
    }

    [Theory]
    [InlineData("nar/x")]
    [InlineData("/prefix/nar/x")]
    public async Task OpenNarAsync_url_in_the_cache_is_opened(string url)
    {
        _server.Put("nar/x", new byte[208]);
        using var client = new BinaryCacheClient(BinaryCacheAddress.Create(_server.Url), TimeProvider.System);
        await using var nar = await client.OpenNarAsync(s_info with { Url = url }, CancellationToken.None);
        Assert.Equal(208, nar?.Length);
    }

    [Theory]
    [InlineData("http://user:pw@example.org/")]
    [InlineData("http://example.org/?x=1")]
    [InlineData("s3://bucket")]
    [InlineData("file://host/dir")]
    public void TryCreate_other_url_is_refused(string url) => Assert.False(BinaryCacheAddress.TryCreate(new Uri(url), out _));

    async Task<Testimony> AskOnceAsync()
    {
        using var cache = Open();
        return await cache.AskAsync(Input, CancellationToken.None);
    }

    void Answer(int status) =>
        _server.Put(
            File,
            context =>
            {
                context.Response.StatusCode = status;
                return Task.CompletedTask;
            }
        );

    void Redirect(string location) =>
        _server.Put(
            File,
            context =>
            {
                context.Response.Redirect(location);
                return Task.CompletedTask;
            }
        );

    SignedCache Open(BinaryCacheOptions? options = null, TimeProvider? clientTime = null) =>
        new(
            "nixos",
            "nixos",
            new BinaryCacheClient(BinaryCacheAddress.Create(_server.Url), clientTime ?? TimeProvider.System, options),
            NixSamples.PublicKey,
            StorePath.DefaultStoreDir,
            Path.Combine(_folder, "kept"),
            _time
        );
}
