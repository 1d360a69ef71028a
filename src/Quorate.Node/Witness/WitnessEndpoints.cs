using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using Quorate.Log.Witnessing;
using Quorate.Node.Telemetry;

namespace Quorate.Node.Witness;

/// <summary>
/// The witness on the public listener (C2SP tlog-witness; docs/log.md): <c>POST /add-checkpoint</c>, and for monitors <c>GET /HASH/checkpoint</c> with the SHA-256
/// of the log's origin.
/// </summary>
sealed partial class WitnessEndpoints(CheckpointWitness witness, NodeMetrics metrics, ILogger<WitnessEndpoints> logger)
{
    readonly ILogger _logger = logger;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/add-checkpoint", AddAsync);
        routes.MapGet("/{hash:length(64)}/checkpoint", LatestAsync);
    }

    async Task AddAsync(HttpContext context)
    {
        var answer = await BodyAsync(context.Request.Body, context.RequestAborted) is { } body
            ? witness.Add(body.Span)
            : new WitnessAnswer(400, "text/plain; charset=utf-8", Encoding.UTF8.GetBytes("the request is too large\n"));
        metrics.WitnessAnswered(answer.Status);
        if (answer.Status == StatusCodes.Status503ServiceUnavailable)
        {
            foreach (var log in witness.Logs.Where(l => l.Failure is not null))
            {
                CannotKeep(log.Origin, log.Failure!);
            }
        }
        context.Response.StatusCode = answer.Status;
        context.Response.Headers.CacheControl = "no-store";
        if (answer.RetryAfter is { } wait)
        {
            context.Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        }
        await WriteAsync(context, answer.ContentType, answer.Body);
    }

    async Task LatestAsync(HttpContext context)
    {
        context.Response.Headers.AccessControlAllowOrigin = "*";
        if (witness.Latest((string)context.Request.RouteValues["hash"]!) is { } note)
        {
            context.Response.Headers.CacheControl = "no-cache";
            await WriteAsync(context, "text/plain; charset=utf-8", note.Bytes);
            return;
        }
        context.Response.StatusCode = StatusCodes.Status404NotFound;
        context.Response.Headers.CacheControl = "no-store";
        await WriteAsync(
            context,
            "text/plain; charset=utf-8",
            "nothing of a log with this hash of its origin was cosigned here\n"u8.ToArray()
        );
    }

    /// <summary>Null when there is more than a request may have.</summary>
    static async Task<ReadOnlyMemory<byte>?> BodyAsync(Stream stream, CancellationToken cancellationToken)
    {
        using var body = new MemoryStream();
        var buffer = new byte[16 << 10];
        while (await stream.ReadAsync(buffer, cancellationToken) is > 0 and var read)
        {
            if (body.Length + read > AddCheckpointRequest.MaxBytes)
            {
                return null;
            }
            body.Write(buffer, 0, read);
        }
        return body.GetBuffer().AsMemory(0, (int)body.Length);
    }

    static async Task WriteAsync(HttpContext context, string type, ReadOnlyMemory<byte> body)
    {
        context.Response.ContentType = type;
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }

    [LoggerMessage(
        81,
        LogLevel.Critical,
        "The witness signs no more checkpoints of {Origin}, as it cannot keep them: {Failure}. Restart the node once the disk is well"
    )]
    partial void CannotKeep(string origin, string failure);
}
