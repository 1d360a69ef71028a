using System.IO.Compression;
using System.Net;
using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Crypto.Notes;
using Quorate.Log.Tiles;
using Quorate.Testing;
using Xunit;

namespace Quorate.Tests.Node;

public sealed class TileEndpointTests : IAsyncLifetime
{
    const string Configuration = """
        signers:
          key: { path: "{dir}/key" }
        publish:
          - { name: alice, protocol: test, signer: key, origin: log.example/alice }
        """;

    TestNode _node = null!;
    HttpClient _client = null!;
    string _log = "";

    static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _node = await TestNode.StartAsync(Configuration, new Dictionary<string, byte> { ["key"] = 1 });
        _client = new HttpClient { BaseAddress = _node.PublicUrl };
        _log = $"/logs/{_node.Host.Context.Registry.Published[0].Log.Identity.Id}";
        await _node.SubmitAsync("alice", [.. Enumerable.Range(0, 300).Select(i => ($"key {i}", $"value {i} {new string('x', 50)}"))]);
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _node.DisposeAsync();
    }

    [Fact]
    public async Task Checkpoint_is_signed_by_the_key_that_vkey_names()
    {
        var key = NoteVerifierKey.Parse((await _client.GetStringAsync(_log + "/vkey", Token)).TrimEnd('\n'));
        using var response = await _client.GetAsync(_log + "/checkpoint", Token);
        Assert.Equal("text/plain; charset=utf-8", response.Content.Headers.ContentType!.ToString());
        Assert.Equal("no-cache", response.Headers.CacheControl!.ToString());
        Assert.Equal("*", Assert.Single(response.Headers.GetValues("Access-Control-Allow-Origin")));
        var note = SignedNote.Parse(await response.Content.ReadAsByteArrayAsync(Token));
        Assert.True(NoteCheck.Of(note, [key]).Result.IsVerified);
        var checkpoint = Checkpoint.Parse(note.Text.Span);
        Assert.Equal(("log.example/alice", 300UL), (checkpoint.Origin, checkpoint.Size));
        using var head = System.Text.Json.JsonDocument.Parse(await _client.GetStringAsync(_log + "/head", Token));
        Assert.Equal(checkpoint.Root.ToString(), head.RootElement.GetProperty("logRoot").GetString());
    }

    [Fact]
    public async Task Tiles_are_immutable_and_lead_to_the_root()
    {
        using var response = await _client.GetAsync(_log + "/tile/1/000.p/1", Token);
        Assert.Equal("application/octet-stream", response.Content.Headers.ContentType!.ToString());
        Assert.Contains(response.Headers.CacheControl!.Extensions, e => e.Name == "immutable");
        var parent = await response.Content.ReadAsByteArrayAsync(Token);
        var tile = await _client.GetByteArrayAsync(_log + "/tile/0/000", Token);
        var tree = new MerkleTree();
        tree.AppendRange([.. tile.Chunk(32).Select(h => new Sha256Digest(h))]);
        Assert.Equal(parent, tree.Root(256).ToArray());
    }

    [Theory]
    [InlineData("/tile/entries/000")]
    [InlineData("/tile/entries/001.p/44")]
    [InlineData("/values/001.p/44")]
    [InlineData("/heads/000.p/2")]
    [InlineData("/tile/0/001.p/43")]
    public async Task Bundles_and_earlier_partial_tiles_are_served(string path)
    {
        using var response = await _client.GetAsync(_log + path, Token);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Empty(response.Content.Headers.ContentEncoding);
    }

    [Theory]
    [InlineData("/tile/0/001", HttpStatusCode.NotFound)]
    [InlineData("/tile/0/001.p/45", HttpStatusCode.NotFound)]
    [InlineData("/tile/entries/002.p/1", HttpStatusCode.NotFound)]
    [InlineData("/tile/1/000.p/2", HttpStatusCode.NotFound)]
    [InlineData("/tile/2/000.p/1", HttpStatusCode.NotFound)]
    [InlineData("/tile/63/000", HttpStatusCode.NotFound)]
    [InlineData("/heads/000.p/3", HttpStatusCode.NotFound)]
    [InlineData("/value/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", HttpStatusCode.NotFound)]
    [InlineData("/tile/00/000", HttpStatusCode.BadRequest)]
    [InlineData("/tile/64/000", HttpStatusCode.BadRequest)]
    [InlineData("/tile/0/0", HttpStatusCode.BadRequest)]
    [InlineData("/tile/0/000.p/256", HttpStatusCode.BadRequest)]
    [InlineData("/tile/entries/x000/000", HttpStatusCode.BadRequest)]
    [InlineData("/value/E3", HttpStatusCode.BadRequest)]
    public async Task What_is_not_there_is_an_error_that_nobody_keeps(string path, HttpStatusCode status)
    {
        using var response = await _client.GetAsync(_log + path, Token);
        Assert.Equal(status, response.StatusCode);
        Assert.Equal("no-store", response.Headers.CacheControl!.ToString());
        Assert.True(response.Headers.Contains("Access-Control-Allow-Origin"));
    }

    [Fact]
    public async Task Head_requests_have_the_length_and_no_body()
    {
        using var request = new HttpRequestMessage(HttpMethod.Head, _log + "/tile/0/000");
        using var response = await _client.SendAsync(request, Token);
        Assert.Equal(8192, response.Content.Headers.ContentLength);
        Assert.Empty(await response.Content.ReadAsByteArrayAsync(Token));
    }

    [Fact]
    public async Task Bundles_are_compressed_for_those_who_take_it_and_tiles_never()
    {
        var plain = await _client.GetByteArrayAsync(_log + "/values/000", Token);
        _client.DefaultRequestHeaders.AcceptEncoding.ParseAdd("gzip");
        using var compressed = await _client.GetAsync(_log + "/values/000", Token);
        Assert.Equal("gzip", Assert.Single(compressed.Content.Headers.ContentEncoding));
        await using var gzip = new GZipStream(await compressed.Content.ReadAsStreamAsync(Token), CompressionMode.Decompress);
        using var unpacked = new MemoryStream();
        await gzip.CopyToAsync(unpacked, Token);
        Assert.Equal(plain, unpacked.ToArray());
        using var tile = await _client.GetAsync(_log + "/tile/0/000", Token);
        Assert.Empty(tile.Content.Headers.ContentEncoding);
    }

    [Fact]
    public async Task Value_is_found_by_its_digest()
    {
        var value = System.Text.Encoding.UTF8.GetBytes($"value 7 {new string('x', 50)}");
        Assert.Equal(value, await _client.GetByteArrayAsync($"{_log}/value/{Sha256Digest.HashData(value)}", Token));
    }

    [Fact]
    public async Task A_changed_origin_is_refused_at_a_reload()
    {
        _node.Configure(Configuration.Replace("log.example/alice", "log.example/bob", StringComparison.Ordinal));
        var refused = await Assert.ThrowsAsync<Quorate.Node.Hosting.StartException>(_node.ReloadAsync);
        Assert.Contains("log.example/alice", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("key 77", "/tile/entries/000")]
    [InlineData("value 77", "/values/000")]
    public async Task A_changed_disk_is_an_error_that_names_the_file_in_the_log(string bytes, string path)
    {
        var file = Path.Combine(_node.Directory, "state", _log[1..], "00000000.wal");
        await using (var stream = new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            var content = new byte[stream.Length];
            await stream.ReadExactlyAsync(content, Token);
            stream.Position = content.AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes(bytes));
            stream.WriteByte((byte)'!');
        }
        using var response = await _client.GetAsync(_log + path, Token);
        Assert.Equal(HttpStatusCode.InternalServerError, response.StatusCode);
        Assert.Equal("no-store", response.Headers.CacheControl!.ToString());
        Assert.Contains(_node.LogLines, l => l.Contains("00000000.wal", StringComparison.Ordinal));
    }
}
