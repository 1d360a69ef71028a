using System.Net;
using System.Net.Http.Headers;
using Quorate.Crypto.Notes;
using Quorate.Log.Witnessing;
using Quorate.Sources.Connect;
using Quorate.Sources.Http;

namespace Quorate.Sources.Witnesses;

/// <summary>
/// One server of checkpoints: bounded answers, little patience, no redirects. Every fault is a <see cref="WitnessException"/>; only the caller's own cancellation
/// is not. Thread-safe.
/// </summary>
sealed class NoteHttp : IDisposable
{
    static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(10);
    static readonly TimeSpan s_connectTimeout = TimeSpan.FromSeconds(5);

    readonly ConnectAddress _address;
    readonly HttpMessageInvoker _http;

    public NoteHttp(ConnectAddress address)
    {
        _address = address;
        var handler = OutboundHandler.Create(s_connectTimeout, maxConnections: 4, address.IsLocal);
        if (address.SocketPath is { } path)
        {
            handler.ConnectToSocket(path);
        }
        _http = new HttpMessageInvoker(handler);
    }

    /// <summary>Status, media type and body, at most <paramref name="maxBytes"/> of it.</summary>
    /// <param name="path">With its slash at the beginning.</param>
    /// <param name="body">Null for GET.</param>
    public async Task<(HttpStatusCode Status, string? Type, byte[] Body)> SendAsync(
        string path,
        byte[]? body,
        int maxBytes,
        CancellationToken cancellationToken
    )
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(s_timeout);
        try
        {
            using var request = new HttpRequestMessage(body is null ? HttpMethod.Get : HttpMethod.Post, _address.Resolve(path));
            request.Headers.Host = _address.Host;
            request.Headers.TryAddWithoutValidation("User-Agent", "quorate");
            request.Headers.TryAddWithoutValidation("Accept-Encoding", "identity");
            if (body is not null)
            {
                request.Content = new ByteArrayContent(body);
                request.Content.Headers.ContentType = new MediaTypeHeaderValue("text/plain") { CharSet = "utf-8" };
            }
            using var response = await _http.SendAsync(request, deadline.Token);
            await using var stream = await response.Content.ReadAsStreamAsync(deadline.Token);
            // One byte more than allowed tells that there is more.
            var buffer = new byte[maxBytes + 1];
            var length = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, deadline.Token);
            return length <= maxBytes
                ? (response.StatusCode, response.Content.Headers.ContentType?.MediaType, buffer[..length])
                : throw new WitnessException($"the answer has more than {maxBytes} bytes");
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new WitnessException("no answer in time", e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException and not WitnessException)
        {
            throw new WitnessException(e.GetBaseException().Message, e);
        }
    }

    /// <summary>A note that is served as a file; null when there is none.</summary>
    public async Task<SignedNote?> NoteAsync(string path, CancellationToken cancellationToken)
    {
        var (status, _, body) = await SendAsync(path, null, SignedNote.MaxBytes, cancellationToken);
        return status switch
        {
            HttpStatusCode.NotFound => null,
            HttpStatusCode.OK => SignedNote.TryParse(body, out var note, out var error)
                ? note
                : throw new WitnessException($"{path} is no signed note: {error}"),
            _ => throw new WitnessException($"{path} is answered with status {(int)status}"),
        };
    }

    public void Dispose() => _http.Dispose();
}
