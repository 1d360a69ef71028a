using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Quorate.Node.Alerts;
using Xunit;

namespace Quorate.Tests.Node;

public sealed class OperatorAlertsTests : IDisposable
{
    readonly HttpListener _server = new();
    readonly Uri _address;

    public OperatorAlertsTests()
    {
        using var free = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        free.Start();
        _address = new Uri($"http://127.0.0.1:{((IPEndPoint)free.LocalEndpoint).Port}/hook");
        free.Stop();
        _server.Prefixes.Add($"{_address.GetLeftPart(UriPartial.Authority)}/");
        _server.Start();
    }

    public void Dispose() => _server.Close();

    Task<HttpListenerContext> NextAsync() =>
        _server.GetContextAsync().WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);

    [Fact]
    public async Task Alert_that_is_not_taken_is_posted_again_and_redirects_are_not_followed()
    {
        await using var alerts = new OperatorAlerts(() => _address, TimeProvider.System, NullLogger<OperatorAlerts>.Instance);
        alerts.Raise(new Alert("stale", "bob", "id", "bob", "nothing vouches for it", new byte[] { 1, 2 }));

        var first = await NextAsync();
        first.Response.RedirectLocation = new Uri(_address, "/elsewhere").ToString();
        first.Response.StatusCode = 302;
        first.Response.Close();
        var second = await NextAsync();

        Assert.Equal(("POST", "/hook"), (second.Request.HttpMethod, second.Request.Url!.AbsolutePath));
        using var body = await JsonDocument.ParseAsync(second.Request.InputStream, default, TestContext.Current.CancellationToken);
        Assert.Equal(
            ("stale", "AQI="),
            (body.RootElement.GetProperty("event").GetString(), body.RootElement.GetProperty("proof").GetString())
        );
        second.Response.Close();
    }
}
