using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Quorate.Node.Hosting;
using Quorate.Node.Telemetry;

namespace Quorate.Node.Control;

/// <summary>
/// <c>/healthz</c>: the process answers. <c>/readyz</c>: own logs take entries and every followed log was verified once. <c>/metrics</c>.
/// The public listener says neither why it is not ready nor anything about followed logs.
/// </summary>
sealed class HealthEndpoints(NodeContext node, PrometheusExporter exporter)
{
    public void MapControl(IEndpointRouteBuilder routes) => Map(routes, isPublic: false);

    public void MapPublic(IEndpointRouteBuilder routes) => Map(routes, isPublic: true);

    void Map(IEndpointRouteBuilder routes, bool isPublic)
    {
        routes.MapGet("/healthz", context => TextAsync(context, "ok\n", "text/plain; charset=utf-8"));
        routes.MapGet("/readyz", context => ReadyAsync(context, isPublic));
        routes.MapGet("/metrics", context => TextAsync(context, exporter.Write(isPublic), PrometheusExporter.ContentType));
    }

    Task ReadyAsync(HttpContext context, bool isPublic)
    {
        var reasons = node.NotReady();
        return ControlJsonIo.WriteAsync(
            context,
            new ReadyMessage(reasons.Count == 0, isPublic ? [] : reasons),
            ControlJson.Default.ReadyMessage,
            reasons.Count == 0 ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable
        );
    }

    static Task TextAsync(HttpContext context, string text, string contentType)
    {
        context.Response.ContentType = contentType;
        return context.Response.WriteAsync(text, context.RequestAborted);
    }
}
