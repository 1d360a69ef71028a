using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Quorate.Sources.Control;

namespace Quorate.Tests.Cli;

/// <summary>A control listener on a unix socket that answers what a test prepared and remembers what it was asked.</summary>
sealed class FakeNode : IAsyncDisposable
{
    readonly WebApplication _app;
    readonly List<string> _requests = [];

    FakeNode(WebApplication app, string socket)
    {
        _app = app;
        Socket = socket;
    }

    public string Socket { get; }

    public string Address => "unix://" + Socket;

    public NodeAddress NodeAddress =>
        NodeAddress.TryParse(Address, out var address, out _) ? address : throw new InvalidOperationException();

    /// <summary>Method, path and body of each request but GET /v1/logs.</summary>
    public IReadOnlyList<string> Requests
    {
        get
        {
            lock (_requests)
            {
                return [.. _requests];
            }
        }
    }

    /// <summary>Path (without query) → status and body; what is missing is a 404 of the contract.</summary>
    public Dictionary<string, Func<string, (int Status, string Body)>> Answers { get; } = new(StringComparer.Ordinal);

    /// <summary>Set to hold every request until the test ends.</summary>
    public bool Hangs { get; set; }

    /// <summary>Completes when a request is held.</summary>
    public TaskCompletionSource Held { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public const string NoFilter = "null";

    public static string Log(string name, string claims = "built", string filter = NoFilter) =>
        $$"""{"name":"{{name}}","builder":"{{name}}","logId":"{{new string('a', 64)}}","protocol":"nix","key":"","role":"published","claims":"{{claims}}","treeSize":3,"head":null,"selfDivergences":0,"status":null,"filter":{{filter}}}""";

    public static async Task<FakeNode> StartAsync(string folder)
    {
        var socket = Path.Combine(folder, "c.socket");
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(socket));
        var app = builder.Build();
        var node = new FakeNode(app, socket);
        app.Run(node.AnswerAsync);
        await app.StartAsync();
        return node;
    }

    public void Publishes(params string[] logs) =>
        Answers["/v1/logs"] = _ => (200, $$"""{"published":[{{string.Join(',', logs)}}],"followed":[]}""");

    public void Accepts(string log) =>
        Answers[$"/v1/logs/{log}/submit"] = body =>
        {
            using var document = JsonDocument.Parse(body);
            var count = document.RootElement.GetProperty("items").GetArrayLength();
            return (200, $$"""{"added":{{count}},"duplicates":0,"divergences":[],"treeSize":{{3 + count}},"logRoot":"00"}""");
        };

    /// <summary>Keeps any resolved derivation.</summary>
    public void Keeps(string input) => Answers[$"/traces/drv/{input}"] = _ => (201, "{}");

    public void Decides(string verdict, string testimonies = "[]", string reasons = "[]") =>
        Answers["/v1/decide"] = _ =>
            (
                200,
                $$"""{"verdict":"{{verdict}}","protocol":"nix","key":"k","keyHex":"6b","engine":"2 of (alice, bob)","confidence":50,"accepted":null,"supporters":[],"testimonies":{{testimonies}},"reasons":{{reasons}}}"""
            );

    async Task AnswerAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
        var body = await reader.ReadToEndAsync(context.RequestAborted);
        if (Hangs)
        {
            Held.TrySetResult();
            await Task.Delay(TimeSpan.FromSeconds(30), context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
            return;
        }
        var path = context.Request.Path.Value!;
        if (path != "/v1/logs")
        {
            lock (_requests)
            {
                _requests.Add($"{context.Request.Method} {path}{context.Request.QueryString} {body}");
            }
        }
        var (status, answer) = Answers.TryGetValue(path, out var make)
            ? make(body)
            : (404, """{"code":"not_found","message":"no such thing"}""");
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(answer);
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }
}
