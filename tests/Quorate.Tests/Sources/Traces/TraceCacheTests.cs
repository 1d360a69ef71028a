using System.Text;
using Quorate.Nix.Derivations;
using Quorate.Nix.Traces;
using Quorate.Sources.Traces;
using Quorate.Tests.Gates;
using Xunit;

namespace Quorate.Tests.Sources.Traces;

public sealed class TraceCacheTests : IAsyncLifetime
{
    const string JwsName = "traces/gy2z3n5w3nr0p2xgwnaah0dmkrkjlj7r";
    const string BundleName = "traces/aterm/gy2z3n5w3nr0p2xgwnaah0dmkrkjlj7r";

    static readonly ResolvedInputHash s_input = ResolvedInputHash.Parse("gy2z3n5w3nr0p2xgwnaah0dmkrkjlj7r");
    static readonly TraceElement s_jws = TraceElement.Of("a.b.c"u8.ToArray());
    static readonly TraceElement s_bundle = TraceElement.Of("{\"a\":1}"u8.ToArray());

    readonly string _folder = Directory.CreateTempSubdirectory("q-traces").FullName;
    LoopbackCache _server = null!;

    public async ValueTask InitializeAsync() => _server = await LoopbackCache.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Find_of_nothing_is_absent_over_HTTP_and_in_a_directory()
    {
        foreach (var address in new[] { _server.Url.ToString(), $"dir:{_folder}" })
        {
            using var cache = Cache(address);
            Assert.Same(TraceLookup.Absent, await cache.FindAsync(s_input, CancellationToken.None));
        }
    }

    [Fact]
    public async Task Find_gives_both_layouts()
    {
        _server.Put(JwsName, "{\"signatures\":[\"a.b.c\"]}"u8.ToArray());
        _server.Put(BundleName, "{\"a\":1}\n"u8.ToArray());
        using var cache = Cache(_server.Url.ToString() + "/");
        var found = Assert.IsType<TraceLookup.Found>(await cache.FindAsync(s_input, CancellationToken.None));
        Assert.Equal([TraceLayout.BundleLines, TraceLayout.JwsSet], found.Objects.Select(o => o.Layout));
        Assert.Empty(found.Problems);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(403)]
    [InlineData(301)]
    [InlineData(204)]
    public async Task Find_under_another_status_is_unavailable_and_not_absent(int status)
    {
        _server.Put(JwsName, context => Task.FromResult(context.Response.StatusCode = status));
        using var cache = Cache(_server.Url.ToString());
        Assert.IsType<TraceLookup.Unavailable>(await cache.FindAsync(s_input, CancellationToken.None));
    }

    [Fact]
    public async Task Find_with_one_layout_broken_gives_the_other_and_says_so()
    {
        _server.Put(JwsName, "<html>"u8.ToArray());
        _server.Put(BundleName, "{\"a\":1}\n"u8.ToArray());
        using var cache = Cache(_server.Url.ToString());
        var found = Assert.IsType<TraceLookup.Found>(await cache.FindAsync(s_input, CancellationToken.None));
        Assert.Single(found.Objects);
        Assert.Single(found.Problems);
    }

    [Fact]
    public async Task Find_of_an_object_over_the_limit_is_unavailable()
    {
        _server.Put(
            JwsName,
            async context =>
            {
                context.Response.ContentLength = TraceObject.MaxBytes + 1L;
                await context.Response.StartAsync();
            }
        );
        using var cache = Cache(_server.Url.ToString());
        var answer = Assert.IsType<TraceLookup.Unavailable>(await cache.FindAsync(s_input, CancellationToken.None));
        Assert.Contains("limit", answer.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Find_of_a_server_that_does_not_answer_is_unavailable()
    {
        _server.Put(JwsName, context => Task.Delay(Timeout.Infinite, context.RequestAborted));
        using var cache = Cache(_server.Url.ToString(), new TraceCacheOptions { Timeout = TimeSpan.FromMilliseconds(50) });
        Assert.IsType<TraceLookup.Unavailable>(await cache.FindAsync(s_input, CancellationToken.None));
    }

    [Fact]
    public async Task Find_that_the_caller_cancels_is_cancelled()
    {
        _server.Put(JwsName, context => Task.Delay(Timeout.Infinite, context.RequestAborted));
        using var cache = Cache(_server.Url.ToString());
        using var stop = new CancellationTokenSource(50);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cache.FindAsync(s_input, stop.Token));
    }

    [Fact]
    public async Task Add_to_a_directory_keeps_what_is_there_and_adds_nothing_twice()
    {
        using var cache = Cache($"dir:{_folder}");
        foreach (var element in new[] { s_jws, s_bundle, TraceElement.Of("d.e.f"u8.ToArray()), TraceElement.Of("{\"b\":2}"u8.ToArray()) })
        {
            Assert.True(await cache.AddAsync(s_input, element, CancellationToken.None));
            Assert.False(await cache.AddAsync(s_input, element, CancellationToken.None));
        }
        Assert.Equal("{\"signatures\":[\"a.b.c\",\"d.e.f\"]}", await File.ReadAllTextAsync(Path.Combine(_folder, JwsName)));
        Assert.Equal("{\"a\":1}\n{\"b\":2}\n", await File.ReadAllTextAsync(Path.Combine(_folder, BundleName)));
    }

    [Fact]
    public async Task Add_by_many_at_once_loses_nothing()
    {
        using var cache = Cache($"dir:{_folder}");
        var elements = Enumerable.Range(0, 4).Select(i => TraceElement.Of(Encoding.ASCII.GetBytes($$"""{"n":{{i}}}"""))).ToArray();
        await Task.WhenAll(elements.Select(element => AddPatientlyAsync(cache, element)));
        var found = Assert.IsType<TraceLookup.Found>(await cache.FindAsync(s_input, CancellationToken.None));
        Assert.Equal(4, Assert.Single(found.Objects).Elements.Count);
    }

    [Fact]
    public async Task Add_over_HTTP_states_what_it_read()
    {
        var put = new List<(string Condition, string Body)>();
        _server.Put(JwsName, context => ServeAsync(context, "{\"signatures\": [ ] }", "\"v1\"", put, (_, _) => 201));
        using var cache = Cache(_server.Url.ToString());
        Assert.True(await cache.AddAsync(s_input, s_jws, CancellationToken.None));
        Assert.Equal([("If-Match \"v1\"", "{\"signatures\": [ \"a.b.c\"] }")], put);
    }

    [Fact]
    public async Task Add_over_HTTP_where_nothing_is_creates_and_never_replaces()
    {
        var put = new List<(string Condition, string Body)>();
        _server.Put(BundleName, context => ServeAsync(context, body: null, tag: null, put, (_, _) => 201));
        using var cache = Cache(_server.Url.ToString());
        Assert.True(await cache.AddAsync(s_input, s_bundle, CancellationToken.None));
        Assert.Equal([("If-None-Match *", "{\"a\":1}\n")], put);
    }

    [Theory]
    [InlineData(412)]
    [InlineData(409)]
    public async Task Add_that_others_overtake_is_tried_again_five_times(int status)
    {
        var put = new List<(string Condition, string Body)>();
        _server.Put(BundleName, context => ServeAsync(context, body: null, tag: null, put, (_, _) => status));
        using var cache = Cache(_server.Url.ToString());
        await Assert.ThrowsAsync<TraceCacheException>(() => cache.AddAsync(s_input, s_bundle, CancellationToken.None));
        Assert.Equal(TraceCache.MaxAttempts, put.Count);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("W/\"v1\"")]
    public async Task Add_without_a_strong_tag_is_refused(string? tag)
    {
        var put = new List<(string Condition, string Body)>();
        _server.Put(BundleName, context => ServeAsync(context, "{\"b\":2}\n", tag, put, (_, _) => 201));
        using var cache = Cache(_server.Url.ToString());
        await Assert.ThrowsAsync<TraceCacheException>(() => cache.AddAsync(s_input, s_bundle, CancellationToken.None));
        Assert.Empty(put);
    }

    [Fact]
    public async Task Add_with_a_token_sends_it_with_the_upload_only()
    {
        var tokens = new List<string>();
        _server.Put(
            BundleName,
            context =>
            {
                tokens.Add($"{context.Request.Method} {context.Request.Headers["Trustix-Token"]}");
                context.Response.StatusCode = context.Request.Method == "PUT" ? 201 : 404;
                return Task.CompletedTask;
            }
        );
        using var cache = Cache(_server.Url.ToString(), new TraceCacheOptions { WriteToken = "secret" });
        await cache.AddAsync(s_input, s_bundle, CancellationToken.None);
        Assert.Equal(["GET ", "PUT secret"], tokens);
    }

    [Fact]
    public async Task AddDerivation_is_found_again()
    {
        using var cache = Cache($"dir:{_folder}");
        Assert.Null(await cache.FindDerivationAsync(s_input, CancellationToken.None));
        await cache.AddDerivationAsync(s_input, "Derive"u8.ToArray(), CancellationToken.None);
        await cache.AddDerivationAsync(s_input, "other"u8.ToArray(), CancellationToken.None);
        var found = await cache.FindDerivationAsync(s_input, CancellationToken.None);
        Assert.Equal("Derive", Encoding.ASCII.GetString(found!.Value.Span));
    }

    [Theory]
    [InlineData("")]
    [InlineData("s3://bucket")]
    [InlineData("http://user@host")]
    [InlineData("http://host/?q")]
    [InlineData("dir:")]
    [InlineData("relative/path")]
    public void TryParse_of_another_address_is_refused(string text) => Assert.False(TraceCacheAddress.TryParse(text, out _));

    static TraceCache Cache(string address, TraceCacheOptions? options = null) =>
        new(
            TraceCacheAddress.TryParse(address, out var parsed) ? parsed : throw new InvalidOperationException(address),
            TimeProvider.System,
            options
        );

    /// <summary>Five attempts are few for four writers on a slow machine, and giving up is no loss: whoever gives up says so.</summary>
    static async Task AddPatientlyAsync(TraceCache cache, TraceElement element)
    {
        for (var attempt = 0; attempt < 20; attempt++)
        {
            try
            {
                await cache.AddAsync(s_input, element, CancellationToken.None);
                return;
            }
            catch (TraceCacheException)
            {
                // Others were faster.
            }
        }
        throw new InvalidOperationException("never the fastest");
    }

    static async Task ServeAsync(
        Microsoft.AspNetCore.Http.HttpContext context,
        string? body,
        string? tag,
        List<(string, string)> put,
        Func<string, string, int> answer
    )
    {
        if (context.Request.Method == "PUT")
        {
            using var reader = new StreamReader(context.Request.Body);
            var text = await reader.ReadToEndAsync();
            var header =
                context.Request.Headers.IfMatch.Count > 0
                    ? $"If-Match {context.Request.Headers.IfMatch}"
                    : $"If-None-Match {context.Request.Headers.IfNoneMatch}";
            put.Add((header, text));
            context.Response.StatusCode = answer(header, text);
            return;
        }
        if (body is null)
        {
            context.Response.StatusCode = 404;
            return;
        }
        if (tag is not null)
        {
            context.Response.Headers.ETag = tag;
        }
        await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(body));
    }
}
