using System.Net;
using System.Net.Sockets;
using Quorate.Core.Files;
using Quorate.Nix;
using Quorate.Sources.Http;

namespace Quorate.Sources.NixCaches;

public sealed record BinaryCacheOptions
{
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>From asking for a narinfo file to its last byte, redirects included.</summary>
    public TimeSpan NarInfoTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>From asking for a NAR to the end of the answer's headers, and between any two of its bytes.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(30);

    public int MaxRedirects { get; init; } = 3;

    /// <summary>Connections kept to the cache; more requests wait for one.</summary>
    public int MaxConnections { get; init; } = 32;
}

/// <summary>What a cache's narinfo file said, with its bytes as they came.</summary>
public sealed record NarInfoFile(NarInfo Info, ReadOnlyMemory<byte> Bytes);

/// <summary>
/// Reads a Nix binary cache over HTTP or from a directory. Never leaves the cache's origin, neither by redirect nor by a URL in a narinfo
/// file. Every fault of the cache is a <see cref="BinaryCacheException"/>. Thread-safe.
/// </summary>
public sealed class BinaryCacheClient : IDisposable
{
    readonly BinaryCacheOptions _options;
    readonly TimeProvider _time;
    readonly HttpMessageInvoker? _http;

    public BinaryCacheClient(BinaryCacheAddress address, TimeProvider time, BinaryCacheOptions? options = null)
    {
        Address = address;
        _time = time;
        _options = options ?? new BinaryCacheOptions();
        _http = address.IsFile ? null : new HttpMessageInvoker(CreateHandler(address, _options));
    }

    public BinaryCacheAddress Address { get; }

    /// <summary>The narinfo file for a hash part; null when the cache has none (404, 410, and 403 as object stores answer).</summary>
    /// <exception cref="BinaryCacheException">The cache failed, or its file is not a narinfo file of this store directory.</exception>
    public async Task<NarInfoFile?> NarInfoAsync(string hashPart, string storeDir, CancellationToken cancellationToken)
    {
        if (!StorePath.IsHashPart(hashPart))
        {
            throw new ArgumentException("not the hash part of a store path", nameof(hashPart));
        }
        var url = new Uri(Address.Root, BinaryCacheNames.NarInfo(hashPart));
        using var deadline = new CancellationTokenSource(_options.NarInfoTimeout, _time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        var bytes = await GuardAsync(
            async () =>
            {
                await using var body = await OpenAsync(url, linked.Token);
                return body is null ? null : await ReadAllAsync(body.Stream, linked.Token);
            },
            cancellationToken
        );
        if (bytes is null)
        {
            return null;
        }
        if (!NarInfo.TryParse(bytes, storeDir, out var info, out var error))
        {
            throw new BinaryCacheException($"{Address}: {hashPart}.narinfo is malformed: {error}");
        }
        return info.StorePath.HashPart == hashPart
            ? new NarInfoFile(info, bytes)
            : throw new BinaryCacheException($"{Address}: {hashPart}.narinfo describes {info.StorePath}");
    }

    /// <summary>Begins to fetch the compressed NAR of a narinfo file from this cache; null when the cache does not have it.</summary>
    /// <exception cref="BinaryCacheException">
    /// The cache failed, the file's URL leads out of the cache, or the answer's length is not the file's <c>FileSize</c> or absurd for its
    /// <c>NarSize</c>.
    /// </exception>
    public async Task<NarDownload?> OpenNarAsync(NarInfo info, CancellationToken cancellationToken)
    {
        if (!Address.TryResolve(info.Url, out var url))
        {
            throw new BinaryCacheException($"{Address}: the URL of {info.StorePath.HashPart}.narinfo leads out of the cache");
        }
        using var deadline = new CancellationTokenSource(_options.IdleTimeout, _time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        var body = await GuardAsync(() => OpenAsync(url, linked.Token), cancellationToken);
        if (body is null)
        {
            return null;
        }
        // Nix reads 0 as "not known".
        var stated = info.FileSize is { } size and not 0 ? checked((long)Math.Min(size, long.MaxValue)) : (long?)null;
        if (stated is not null && body.Length is not null && stated != body.Length)
        {
            await body.DisposeAsync();
            throw new BinaryCacheException($"{Address}: the NAR has {body.Length} bytes, not {stated} as its narinfo file says");
        }
        var length = stated ?? body.Length;
        var most = LargestFile(info.NarSize);
        if (length > most)
        {
            await body.DisposeAsync();
            throw new BinaryCacheException($"{Address}: {length} bytes are more than a NAR of {info.NarSize} bytes can be compressed to");
        }
        return new NarDownload(body, length, most, Address, _options.IdleTimeout, _time);
    }

    public void Dispose() => _http?.Dispose();

    /// <summary>
    /// No compression makes bytes that it cannot compress longer by more than a few per cent and a header. What is longer is no NAR, and a stream
    /// without an end would fill the disk of whoever unpacks it.
    /// </summary>
    static long LargestFile(ulong narSize) =>
        narSize > long.MaxValue / 2 ? long.MaxValue : checked((long)(narSize + narSize / 16 + (64 << 10)));

    static SocketsHttpHandler CreateHandler(BinaryCacheAddress address, BinaryCacheOptions options) =>
        OutboundHandler.Create(options.ConnectTimeout, options.MaxConnections, address.Root.IsLoopback);

    /// <summary>Turns every way in which a cache can fail into one exception; only the caller's own cancellation passes.</summary>
    async Task<T> GuardAsync<T>(Func<Task<T>> action, CancellationToken cancellationToken)
    {
        try
        {
            return await action();
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new BinaryCacheException($"{Address} did not answer in time", e, isOutage: true);
        }
        catch (Exception e) when (e is HttpRequestException or UnauthorizedAccessException or (IOException and not BinaryCacheException))
        {
            throw new BinaryCacheException($"{Address}: {Innermost(e).Message}", e, isOutage: true);
        }
    }

    async Task<CacheBody?> OpenAsync(Uri url, CancellationToken cancellationToken) =>
        _http is null ? OpenFile(url) : await OpenHttpAsync(_http, url, cancellationToken);

    CacheBody? OpenFile(Uri url)
    {
        var path = BinaryCacheAddress.LocalPath(url);
        try
        {
            var stream = new FileStream(
                path,
                new FileStreamOptions { Options = FileOptions.Asynchronous | FileOptions.SequentialScan, BufferSize = 0 }
            );
            return new CacheBody(stream, stream.Length, owner: null);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            // Of a cache that is itself gone nobody knows what it had. What is there now was put there this moment.
            using var file = FileLookup.Open(path, BinaryCacheAddress.LocalPath(Address.Root));
            return null;
        }
    }

    async Task<CacheBody?> OpenHttpAsync(HttpMessageInvoker http, Uri url, CancellationToken cancellationToken)
    {
        for (var hops = 0; ; hops++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, url);
            request.Headers.TryAddWithoutValidation("User-Agent", "quorate");
            request.Headers.TryAddWithoutValidation("Accept-Encoding", "identity");
            var response = await http.SendAsync(request, cancellationToken);
            var keep = false;
            try
            {
                switch (response.StatusCode)
                {
                    case HttpStatusCode.OK:
                        var body = await BodyAsync(response, cancellationToken);
                        keep = true;
                        return body;
                    case HttpStatusCode.NotFound or HttpStatusCode.Gone or HttpStatusCode.Forbidden:
                        return null;
                    case HttpStatusCode.MovedPermanently
                    or HttpStatusCode.Found
                    or HttpStatusCode.SeeOther
                    or HttpStatusCode.TemporaryRedirect
                    or HttpStatusCode.PermanentRedirect:
                        url = Redirected(url, response.Headers.Location, hops);
                        break;
                    default:
                        throw new BinaryCacheException(
                            $"{Address} answers with status {(int)response.StatusCode}",
                            inner: null,
                            isOutage: (int)response.StatusCode >= 500
                        );
                }
            }
            finally
            {
                if (!keep)
                {
                    response.Dispose();
                }
            }
        }
    }

    Uri Redirected(Uri from, Uri? location, int hops)
    {
        if (hops >= _options.MaxRedirects)
        {
            throw new BinaryCacheException($"{Address} redirects more than {_options.MaxRedirects} times");
        }
        return location is not null && Uri.TryCreate(from, location, out var to) && Address.IsSameOrigin(to)
            ? to
            : throw new BinaryCacheException($"{Address} redirects to another origin");
    }

    async Task<CacheBody> BodyAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        // Bytes are passed on as they are, so an encoding that we did not ask for would end up in front of Nix.
        if (response.Content.Headers.ContentEncoding.Any(encoding => encoding != "identity"))
        {
            throw new BinaryCacheException($"{Address} answers with a content encoding that was not asked for");
        }
        return new CacheBody(
            await response.Content.ReadAsStreamAsync(cancellationToken),
            response.Content.Headers.ContentLength,
            owner: response
        );
    }

    async Task<byte[]> ReadAllAsync(Stream stream, CancellationToken cancellationToken)
    {
        using var buffer = new MemoryStream();
        var chunk = new byte[8192];
        int read;
        while ((read = await stream.ReadAsync(chunk, cancellationToken)) > 0)
        {
            if (buffer.Length + read > NarInfo.MaxBytes)
            {
                throw new BinaryCacheException($"{Address} sends a narinfo file over {NarInfo.MaxBytes} bytes");
            }
            buffer.Write(chunk, 0, read);
        }
        return buffer.ToArray();
    }

    static Exception Innermost(Exception e) => e.InnerException is { } inner and (IOException or SocketException) ? Innermost(inner) : e;
}
