using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using Quorate.Log.Auditing;
using Quorate.Sources.Http;

namespace Quorate.Sources.Tiles;

/// <summary>
/// A tile log over HTTP. Busy and failing answers are tried again a few times; gzip is taken where the log sends it, and counted after decompression; redirects are
/// not followed.
/// </summary>
public sealed class HttpTileSource : ITileSource, IDisposable
{
    const int Attempts = 5;
    const int ChunkSize = 64 << 10;
    static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(60);
    static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(10);

    readonly HttpClient _client;
    readonly string _prefix;
    readonly TimeProvider _time;

    /// <param name="prefix">The log's URL; objects lie below it.</param>
    /// <param name="connections">Requests at once; more wait.</param>
    public HttpTileSource(Uri prefix, int connections, TimeProvider time)
    {
        _prefix = prefix.GetLeftPart(UriPartial.Path).TrimEnd('/') + "/";
        _time = time;
        _client = new HttpClient(OutboundHandler.Create(TimeSpan.FromSeconds(10), connections, prefix.IsLoopback))
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
        _client.DefaultRequestHeaders.AcceptEncoding.Add(new StringWithQualityHeaderValue("gzip"));
        _client.DefaultRequestHeaders.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
        _client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("quorate", null));
    }

    public async ValueTask<TileRead> ReadAsync(string path, TileBuffer buffer, int maxBytes, CancellationToken cancellationToken)
    {
        var pause = TimeSpan.FromMilliseconds(200);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await TryReadAsync(path, buffer, maxBytes, cancellationToken);
            }
            catch (BusyException e) when (attempt < Attempts)
            {
                pause = e.RetryAfter is { } wanted && wanted > pause ? wanted : pause;
            }
            catch (BusyException e)
            {
                throw new TileSourceException($"cannot read {_prefix}{path}: {e.Message}", e);
            }
            await Task.Delay(pause < s_longestPause ? pause : s_longestPause, _time, cancellationToken);
            pause *= 2;
        }
    }

    public void Dispose() => _client.Dispose();

    async ValueTask<TileRead> TryReadAsync(string path, TileBuffer buffer, int maxBytes, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(s_timeout, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        buffer.Clear();
        try
        {
            using var response = await _client.GetAsync(_prefix + path, HttpCompletionOption.ResponseHeadersRead, both.Token);
            if (response.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Gone)
            {
                return TileRead.Absent;
            }
            if (response.StatusCode is HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError)
            {
                throw new BusyException($"status {(int)response.StatusCode}", response.Headers.RetryAfter?.Delta);
            }
            if (response.StatusCode != HttpStatusCode.OK)
            {
                throw new TileSourceException($"cannot read {_prefix}{path}: status {(int)response.StatusCode}");
            }
            return await BodyAsync(response.Content, buffer, maxBytes, both.Token);
        }
        catch (Exception e)
            when (e is HttpRequestException or InvalidDataException
                || (e is IOException and not TileSourceException)
                || (e is OperationCanceledException && deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            )
        {
            throw new BusyException(e is OperationCanceledException ? $"no answer within {s_timeout.TotalSeconds:0} s" : e.Message, null);
        }
    }

    static async ValueTask<TileRead> BodyAsync(HttpContent content, TileBuffer buffer, int maxBytes, CancellationToken cancellationToken)
    {
        await using var body = await content.ReadAsStreamAsync(cancellationToken);
        var encodings = content.Headers.ContentEncoding;
        await using var gzip =
            encodings.Count == 0 ? null
            : encodings is { Count: 1 } && encodings.First().Equals("gzip", StringComparison.OrdinalIgnoreCase)
                ? new GZipStream(body, CompressionMode.Decompress)
            : throw new TileSourceException($"the log answers in the encoding '{string.Join(", ", encodings)}', which nobody asked for");
        while (true)
        {
            var room = buffer.Room(1);
            var read = await (gzip ?? body).ReadAsync(room[..Math.Min(room.Length, ChunkSize)], cancellationToken);
            if (read == 0)
            {
                return TileRead.Found;
            }
            buffer.Advance(read);
            if (buffer.Length > maxBytes)
            {
                return TileRead.TooLong;
            }
        }
    }

    /// <summary>May pass: tried again.</summary>
    sealed class BusyException(string message, TimeSpan? retryAfter) : Exception(message)
    {
        internal TimeSpan? RetryAfter { get; } = retryAfter;
    }
}
