using System.Net.Http.Headers;
using Quorate.Sources.Http;

namespace Quorate.Sources.Webhooks;

/// <summary>Posts JSON to one address that the operator named. No redirects, and what is answered does not matter beyond its status. Thread-safe.</summary>
public sealed class WebhookClient(Uri address) : IDisposable
{
    static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(10);

    readonly HttpMessageInvoker _http = new(OutboundHandler.Create(TimeSpan.FromSeconds(5), maxConnections: 2, address.IsLoopback));

    /// <summary>Null when the address took it; otherwise why not. Nothing in it shows the address, which may hold a secret.</summary>
    public async Task<string?> PostAsync(ReadOnlyMemory<byte> json, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(s_timeout);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, address) { Content = new ReadOnlyMemoryContent(json) };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            request.Headers.TryAddWithoutValidation("User-Agent", "quorate");
            using var response = await _http.SendAsync(request, deadline.Token);
            return response.IsSuccessStatusCode ? null : $"status {(int)response.StatusCode}";
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return "no answer in time";
        }
        catch (HttpRequestException e)
        {
            return e.HttpRequestError == HttpRequestError.Unknown ? "it cannot be reached" : e.HttpRequestError.ToString();
        }
    }

    public void Dispose() => _http.Dispose();
}
