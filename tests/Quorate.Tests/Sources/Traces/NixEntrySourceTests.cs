using Microsoft.AspNetCore.Http.Features;
using Quorate.Core;
using Quorate.Crypto.Keys;
using Quorate.Nix;
using Quorate.Nix.Realisations;
using Quorate.Sources.Traces;
using Quorate.Tests.Gates;
using Quorate.Tests.Nix;
using Xunit;

namespace Quorate.Tests.Sources.Traces;

/// <summary>A binary cache of Nix as a source: the files of both of its forms, over HTTP and in a directory.</summary>
public sealed class NixEntrySourceTests : IAsyncLifetime
{
    /// <summary>The published vector of Nix 2.35, as a cache would keep it.</summary>
    const string Value =
        """{"outPath":"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo","signatures":[{"keyName":"test-key","sig":"WsjxK4/EI74COtzMDI+VCjQU9O4FydK0+YeY1CE5hUevogd+T+CPvNXza7oog3GTMS+ZlBwsC2S3ppwusKnJDg=="}]}""";

    const string VectorSecret = "test-key:tU7tTvLcScf8pmz/eTV0BEtLmRsPpZfKaRcd0nCN+pysBZPHSeg61/u2oc7mIOewfuAY1V1BiX32homTaDJ2Jw==";

    static readonly BuildTraceKey s_vector = new(StorePath.Parse("/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar.drv"), "foo");
    static readonly DrvOutputId s_id = new(Sha256Digest.HashData("a"u8), "out");

    readonly string _folder = Directory.CreateTempSubdirectory("q-entries").FullName;
    LoopbackCache _server = null!;

    public async ValueTask InitializeAsync() => _server = await LoopbackCache.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    static byte[] Json(DrvOutputId id)
    {
        using var key = NixSamples.SecretKey;
        return NixSamples.Bytes(new Realisation(id, StorePath.Parse(NixSamples.TopPath)).SignedBy(key).ToJson());
    }

    [Fact]
    public async Task Find_of_the_published_entry_gives_one_that_its_key_signed()
    {
        using var secret = NixCacheSecretKey.Parse(NixSamples.Bytes(VectorSecret));
        _server.Put(s_vector.CachePath, NixSamples.Bytes(Value));
        Write(s_vector.CachePath, NixSamples.Bytes(Value));
        foreach (var cache in Both())
        {
            using (cache)
            {
                var found = Assert.IsType<NixEntryLookup.Found>(await cache.FindAsync(s_vector, CancellationToken.None));
                Assert.True(found.Entry.IsSignedBy(secret.PublicKey));
            }
        }
    }

    [Fact]
    public async Task Find_of_nothing_is_absent()
    {
        foreach (var cache in Both())
        {
            using (cache)
            {
                Assert.Same(NixEntryLookup.Absent, await cache.FindAsync(s_vector, CancellationToken.None));
                Assert.Same(NixEntryLookup.Absent, await FindAsync(cache, s_id));
            }
        }
    }

    [Theory]
    [InlineData("out")]
    [InlineData("a+b?c=d")]
    public async Task Find_of_a_realisation_takes_any_output_name(string output)
    {
        var id = s_id with { Output = output };
        _server.Put(id.CachePath, Json(id));
        Write(id.CachePath, Json(id));
        foreach (var cache in Both())
        {
            using (cache)
            {
                var found = Assert.IsType<NixEntryLookup.Found>(await FindAsync(cache, id));
                Assert.Equal(id, Assert.IsType<Realisation>(found.Entry).Id);
            }
        }
    }

    [Theory]
    [InlineData("!")]
    [InlineData("%21")]
    public async Task Find_over_HTTP_reaches_servers_that_know_one_spelling_only(string mark)
    {
        _server.Put(
            s_id.CachePath,
            async context =>
            {
                if (context.Features.Get<IHttpRequestFeature>()!.RawTarget.Contains($"{mark}out.doi", StringComparison.Ordinal))
                {
                    await context.Response.Body.WriteAsync(Json(s_id));
                }
                else
                {
                    context.Response.StatusCode = 404;
                }
            }
        );
        using var cache = Cache(_server.Url.ToString());
        Assert.IsType<NixEntryLookup.Found>(await FindAsync(cache, s_id));
    }

    [Theory]
    [InlineData(500)]
    [InlineData(403)]
    [InlineData(302)]
    public async Task Find_under_another_status_is_unavailable_and_not_absent(int status)
    {
        _server.Put(s_id.CachePath, context => Task.FromResult(context.Response.StatusCode = status));
        using var cache = Cache(_server.Url.ToString());
        Assert.IsType<NixEntryLookup.Unavailable>(await FindAsync(cache, s_id));
    }

    [Fact]
    public async Task Find_of_what_is_no_entry_is_unavailable()
    {
        Write(s_id.CachePath, "<html>"u8.ToArray());
        Write(s_vector.CachePath, "{}"u8.ToArray());
        using var cache = Cache($"dir:{_folder}");
        Assert.IsType<NixEntryLookup.Unavailable>(await FindAsync(cache, s_id));
        Assert.IsType<NixEntryLookup.Unavailable>(await cache.FindAsync(s_vector, CancellationToken.None));
    }

    [Fact]
    public async Task Find_of_an_entry_over_the_limit_is_unavailable()
    {
        Write(s_id.CachePath, new byte[Realisation.MaxBytes + 1]);
        using var cache = Cache($"dir:{_folder}");
        var answer = Assert.IsType<NixEntryLookup.Unavailable>(await FindAsync(cache, s_id));
        Assert.Contains("limit", answer.Reason, StringComparison.Ordinal);
    }

    static Task<NixEntryLookup> FindAsync(TraceCache cache, DrvOutputId id) =>
        cache.FindAsync(id, StorePath.DefaultStoreDir, CancellationToken.None);

    IEnumerable<TraceCache> Both() => [Cache(_server.Url.ToString()), Cache($"dir:{_folder}")];

    void Write(string path, byte[] bytes)
    {
        var file = Path.Combine(_folder, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllBytes(file, bytes);
    }

    static TraceCache Cache(string address)
    {
        Assert.True(TraceCacheAddress.TryParse(address, out var parsed));
        return new TraceCache(parsed, TimeProvider.System);
    }
}
