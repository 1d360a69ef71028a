using System.Net;
using System.Text.Json;
using Quorate.Core;
using Quorate.Log;
using Quorate.Log.Tiles;
using Quorate.Rpc;
using Quorate.Rpc.Codecs;
using Quorate.Sources.Connect;
using Quorate.Sources.Http;

namespace Quorate.Sources.Tiles;

/// <summary>
/// Fetches a foreign log from one remote: by bundles (docs/formats/tiles.md) where the remote gives them, which Quorate nodes do, and over Connect, which
/// every Trustix peer speaks. Thread-safe.
/// </summary>
/// <param name="connect">Over the same address; everything but bundles goes there.</param>
public sealed class TileLogSource(ConnectAddress address, ConnectLogSource connect, ConnectClientOptions options)
    : IBundledLogSource,
        IDisposable
{
    const int MaxHead = 16 << 10;

    readonly HttpMessageInvoker _http = new(CreateHandler(address, options));

    public string Remote => connect.Remote;

    public async Task<BundledSizes?> BundledAsync(LogId log, CancellationToken cancellationToken) =>
        await GetAsync(log, "head", MaxHead, cancellationToken) is { } body
            ? ReadSizes(body) ?? throw new LogSourceException("its head is not what a Quorate node sends")
            : null;

    public Task<ReadOnlyMemory<byte>> EntryBundleAsync(LogId log, TileNumber number, CancellationToken cancellationToken) =>
        BundleAsync(log, $"tile/entries/{number}", EntryBundle.MaxLength, cancellationToken);

    public Task<ReadOnlyMemory<byte>> ValueBundleAsync(LogId log, TileNumber number, CancellationToken cancellationToken) =>
        BundleAsync(log, $"values/{number}", ValueBundle.MaxLength, cancellationToken);

    public Task<ReadOnlyMemory<byte>> HeadBundleAsync(LogId log, TileNumber number, CancellationToken cancellationToken) =>
        BundleAsync(log, $"heads/{number}", TileNumber.FullWidth * HeadRecordBundle.RecordSize, cancellationToken);

    public Task<LogHead> HeadAsync(LogId log, CancellationToken cancellationToken) => connect.HeadAsync(log, cancellationToken);

    public Task<IReadOnlyList<Sha256Digest>> ConsistencyProofAsync(
        LogId log,
        ulong first,
        ulong second,
        CancellationToken cancellationToken
    ) => connect.ConsistencyProofAsync(log, first, second, cancellationToken);

    public Task<IReadOnlyList<LogEntry>> EntriesAsync(LogId log, ulong start, ulong finish, CancellationToken cancellationToken) =>
        connect.EntriesAsync(log, start, finish, cancellationToken);

    public Task<IReadOnlyList<Sha256Digest>> MapHistoryLeavesAsync(
        LogId log,
        ulong start,
        ulong finish,
        CancellationToken cancellationToken
    ) => connect.MapHistoryLeavesAsync(log, start, finish, cancellationToken);

    public Task<MapAnswer?> MapValueAsync(LogId log, ReadOnlyMemory<byte> key, Sha256Digest mapRoot, CancellationToken cancellationToken) =>
        connect.MapValueAsync(log, key, mapRoot, cancellationToken);

    public Task<IReadOnlyList<Sha256Digest>?> InclusionProofAsync(
        LogId log,
        ulong index,
        ulong treeSize,
        CancellationToken cancellationToken
    ) => connect.InclusionProofAsync(log, index, treeSize, cancellationToken);

    public Task<ReadOnlyMemory<byte>> ValueAsync(Sha256Digest digest, CancellationToken cancellationToken) =>
        connect.ValueAsync(digest, cancellationToken);

    public void Dispose() => _http.Dispose();

    /// <summary>Sizes of the head that belongs to the published checkpoint; null for anything else.</summary>
    internal static BundledSizes? ReadSizes(ReadOnlyMemory<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 4 });
            var root = document.RootElement;
            return
                root.ValueKind == JsonValueKind.Object
                && root.TryGetProperty("treeSize", out var entries)
                && root.TryGetProperty("mhTreeSize", out var heads)
                && TryNumber(entries, out var treeSize)
                && TryNumber(heads, out var mhTreeSize)
                ? new BundledSizes(treeSize, mhTreeSize)
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    static bool TryNumber(JsonElement element, out ulong number)
    {
        number = 0;
        return element.ValueKind == JsonValueKind.Number && element.TryGetUInt64(out number) && number <= long.MaxValue;
    }

    async Task<ReadOnlyMemory<byte>> BundleAsync(LogId log, string path, int maxBytes, CancellationToken cancellationToken) =>
        await GetAsync(log, path, maxBytes, cancellationToken) ?? throw new LogSourceException($"it has no {path}");

    /// <summary>Null for what the remote does not have.</summary>
    async Task<ReadOnlyMemory<byte>?> GetAsync(LogId log, string path, int maxBytes, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(options.Timeout);
        using var request = new HttpRequestMessage(HttpMethod.Get, address.Resolve($"/logs/{log.Text}/{path}"));
        request.Headers.Host = address.Host;
        request.Headers.TryAddWithoutValidation("User-Agent", "quorate");
        request.Headers.TryAddWithoutValidation("Accept-Encoding", address.IsLocal ? "identity" : "gzip");
        try
        {
            using var response = await _http.SendAsync(request, deadline.Token);
            if (response.StatusCode == HttpStatusCode.NotFound)
            {
                return null;
            }
            if (response.StatusCode != HttpStatusCode.OK)
            {
                throw new LogSourceException($"{path}: HTTP status {(int)response.StatusCode}");
            }
            await using var stream = await response.Content.ReadAsStreamAsync(deadline.Token);
            using var body = await PooledBody.ReadAsync(stream, response.Content.Headers.ContentLength, maxBytes, deadline.Token);
            return string.Join(", ", response.Content.Headers.ContentEncoding) switch
            {
                "" or "identity" => body.Memory.ToArray(),
                "gzip" => Gzip.Decompress(body.Array, 0, body.Length, maxBytes),
                var other => throw new LogSourceException($"{path} is encoded as '{other}'"),
            };
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new LogSourceException($"{path}: no answer in time", e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException and not LogSourceException or RpcException or MalformedException)
        {
            throw new LogSourceException($"{path}: {e.Message}", e);
        }
    }

    static SocketsHttpHandler CreateHandler(ConnectAddress address, ConnectClientOptions options)
    {
        var handler = OutboundHandler.Create(options.ConnectTimeout, options.MaxConnections, address.IsLocal);
        if (address.SocketPath is { } path)
        {
            handler.ConnectToSocket(path);
        }
        return handler;
    }
}
