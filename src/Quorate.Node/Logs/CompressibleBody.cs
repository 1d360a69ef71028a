using System.IO.Compression;
using Microsoft.AspNetCore.Http;

namespace Quorate.Node.Logs;

/// <summary>
/// Bodies that gzip makes smaller, for clients that say they take it: entry bundles and values. Hash tiles never are.
/// </summary>
static class CompressibleBody
{
    /// <summary>Shorter bodies gain nothing.</summary>
    const int LeastLength = 1024;

    public static async Task WriteAsync(HttpContext context, ReadOnlyMemory<byte> body, string type, string caching)
    {
        var response = context.Response;
        response.ContentType = type;
        response.Headers.CacheControl = caching;
        response.Headers.Vary = "Accept-Encoding";
        if (body.Length >= LeastLength && TakesGzip(context.Request.Headers.AcceptEncoding.ToString()))
        {
            body = Compress(body);
            response.Headers.ContentEncoding = "gzip";
        }
        response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await response.Body.WriteAsync(body, context.RequestAborted);
        }
    }

    /// <summary>Whether <c>gzip</c> is named, and not with a weight of 0 (RFC 9110 §12.5.3).</summary>
    internal static bool TakesGzip(string acceptEncoding)
    {
        foreach (var item in acceptEncoding.Split(',', StringSplitOptions.TrimEntries))
        {
            var parts = item.Split(';', StringSplitOptions.TrimEntries);
            if (parts[0].Equals("gzip", StringComparison.OrdinalIgnoreCase))
            {
                return !parts.Skip(1).Any(p => p.Replace(" ", "", StringComparison.Ordinal) is "q=0" or "q=0.0" or "q=0.00" or "q=0.000");
            }
        }
        return false;
    }

    static ReadOnlyMemory<byte> Compress(ReadOnlyMemory<byte> body)
    {
        using var compressed = new MemoryStream(body.Length / 2);
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(body.Span);
        }
        return compressed.GetBuffer().AsMemory(0, (int)compressed.Length);
    }
}
