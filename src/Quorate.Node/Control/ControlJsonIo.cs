using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;

namespace Quorate.Node.Control;

/// <summary>Reads and writes the control API's bodies.</summary>
static class ControlJsonIo
{
    const string ContentType = "application/json; charset=utf-8";

    public static async Task WriteAsync<T>(HttpContext context, T message, JsonTypeInfo<T> type, int status = StatusCodes.Status200OK)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = ContentType;
        await JsonSerializer.SerializeAsync(context.Response.Body, message, type, context.RequestAborted);
    }

    /// <summary>Writes a document that was made elsewhere.</summary>
    public static async Task WriteAsync(HttpContext context, ReadOnlyMemory<byte> document)
    {
        context.Response.ContentType = ContentType;
        context.Response.ContentLength = document.Length;
        await context.Response.Body.WriteAsync(document, context.RequestAborted);
    }

    /// <exception cref="ControlException">The body is not this message, or is too large.</exception>
    public static async Task<T> ReadAsync<T>(HttpContext context, JsonTypeInfo<T> type)
    {
        try
        {
            var message = await JsonSerializer.DeserializeAsync(context.Request.Body, type, context.RequestAborted);
            return message ?? throw ControlException.Invalid("the body is null");
        }
        catch (JsonException e)
        {
            var place = string.IsNullOrEmpty(e.Path) ? "" : $" at {e.Path}";
            throw ControlException.Invalid($"the body is not a valid request{place}: {e.Message}");
        }
        catch (FormatException)
        {
            throw ControlException.Invalid("the body holds something that is not base64");
        }
        catch (BadHttpRequestException e) when (e.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            throw new ControlException("resource_exhausted", "the body is larger than node.max_body");
        }
    }

    /// <summary>Nobody may keep an error: what is not there yet may be there in a second.</summary>
    public static Task WriteErrorAsync(HttpContext context, ControlException error)
    {
        context.Response.Headers.CacheControl = "no-store";
        if (error.RetryAfter is { } delay)
        {
            context.Response.Headers.RetryAfter = ((long)Math.Ceiling(delay.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        }
        return WriteAsync(context, new ErrorMessage(error.Code, error.Message), ControlJson.Default.ErrorMessage, error.Status);
    }
}
