using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Log.Storage;
using Quorate.Node.Configuration;
using Quorate.Node.Hosting;

namespace Quorate.Testing;

/// <summary>
/// A whole node in this process, in a temporary directory, from configuration text as a user would write it. Ports are free ones; the
/// control listener is a unix socket. In the text <c>{dir}</c> stands for the directory; <c>node:</c> may be left out.
/// </summary>
public sealed class TestNode : IAsyncDisposable
{
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    readonly CapturedLogs _logs;
    HttpClient? _control;

    TestNode(string directory, CapturedLogs logs)
    {
        Directory = directory;
        _logs = logs;
    }

    public string Directory { get; }

    public string ConfigurationFile => Path.Combine(Directory, "quorate.yaml");

    public NodeHost Host { get; private set; } = null!;

    /// <summary>Base URL of the public listener.</summary>
    public Uri PublicUrl => new(Host.PublicAddresses[0]);

    /// <summary><c>unix:///…</c>, for <c>--node</c>.</summary>
    public string ControlAddress => Host.ControlAddress;

    /// <summary>The control listener over its socket.</summary>
    public HttpClient Control => _control ??= ControlClient();

    /// <summary>What the node logged, one line each.</summary>
    public IReadOnlyCollection<string> LogLines => _logs.Lines;

    /// <summary>Starts a node. Keys that the configuration names must exist: <paramref name="keys"/> are written into the directory first.</summary>
    /// <param name="keys">File name → seed byte; the private key's 32 bytes are all this byte, so that tests know public keys beforehand.</param>
    public static async Task<TestNode> StartAsync(
        string configuration,
        IReadOnlyDictionary<string, byte>? keys = null,
        string? directory = null,
        TimeProvider? time = null,
        WriteAheadDisk? disk = null
    )
    {
        // A short path: sockets have at most 107 bytes for theirs.
        var folder = directory ?? System.IO.Directory.CreateTempSubdirectory("qn-").FullName;
        var node = new TestNode(folder, new CapturedLogs());
        foreach (var (file, seed) in keys ?? new Dictionary<string, byte>())
        {
            var path = Path.Combine(folder, file);
            if (!File.Exists(path))
            {
                using var key = Ed25519PrivateKey.FromSeed([.. Enumerable.Repeat(seed, Ed25519PrivateKey.SeedSize)]);
                KeyFiles.WritePrivate(path, key);
            }
        }
        try
        {
            node.Configure(configuration);
            await node.StartHostAsync(time ?? TimeProvider.System, disk ?? WriteAheadDisk.Real);
            return node;
        }
        catch
        {
            if (directory is null)
            {
                System.IO.Directory.Delete(folder, recursive: true);
            }
            throw;
        }
    }

    /// <summary>The public key of <see cref="StartAsync"/>'s key with this seed byte, as configurations write it.</summary>
    public static string PublicKey(byte seed)
    {
        using var key = Ed25519PrivateKey.FromSeed([.. Enumerable.Repeat(seed, Ed25519PrivateKey.SeedSize)]);
        return key.PublicKey.ToString();
    }

    /// <summary>Replaces the configuration file; takes effect at the next reload.</summary>
    public void Configure(string configuration)
    {
        var text = configuration.ReplaceLineEndings("\n").Replace("{dir}", Directory, StringComparison.Ordinal);
        if (!text.Contains("node:", StringComparison.Ordinal))
        {
            text = $"node:\n  state: {Directory}/state\n  listen: [http://127.0.0.1:0]\n  control: unix://{Directory}/c.sock\n{text}";
        }
        File.WriteAllText(ConfigurationFile, text);
    }

    public Task<IReadOnlyList<string>> ReloadAsync() => Host.ReloadAsync(CancellationToken.None);

    /// <summary>Stops the node and starts it again in the same directory.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        await StartHostAsync(TimeProvider.System, WriteAheadDisk.Real);
    }

    public async Task StopAsync()
    {
        _control?.Dispose();
        _control = null;
        await Host.DisposeAsync();
    }

    /// <summary>Submits items to a published log through the control listener.</summary>
    public async Task<JsonElement> SubmitAsync(string log, params IReadOnlyList<(string Key, string Value)> items)
    {
        var body = new
        {
            items = items.Select(i => new
            {
                key = System.Text.Encoding.UTF8.GetBytes(i.Key),
                value = System.Text.Encoding.UTF8.GetBytes(i.Value),
            }),
        };
        return await PostAsync($"/v1/logs/{log}/submit", body);
    }

    /// <summary>Polls a followed log now.</summary>
    public Task<JsonElement> SyncAsync(string log) => PostAsync($"/v1/subscriptions/{log}/sync", new { });

    public Task<JsonElement> DecideAsync(string protocol, string key) => PostAsync("/v1/decide", new { protocol, key });

    /// <summary>POSTs JSON to the control listener; a status other than success is an exception that shows the answer.</summary>
    public async Task<JsonElement> PostAsync(string path, object body)
    {
        using var deadline = new CancellationTokenSource(s_patience);
        using var response = await Control.PostAsJsonAsync(path, body, deadline.Token);
        return await ReadAsync(response, deadline.Token);
    }

    public async Task<JsonElement> GetAsync(string path)
    {
        using var deadline = new CancellationTokenSource(s_patience);
        using var response = await Control.GetAsync(path, deadline.Token);
        return await ReadAsync(response, deadline.Token);
    }

    /// <summary>Polls a condition until it holds, at most 30 s.</summary>
    public static async Task UntilAsync(Func<Task<bool>> condition, string what)
    {
        using var deadline = new CancellationTokenSource(s_patience);
        while (!await condition())
        {
            if (deadline.IsCancellationRequested)
            {
                throw new TimeoutException($"waited {s_patience.TotalSeconds:0} s for: {what}");
            }
            await Task.Delay(TimeSpan.FromMilliseconds(20), CancellationToken.None);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        System.IO.Directory.Delete(Directory, recursive: true);
    }

    async Task StartHostAsync(TimeProvider time, WriteAheadDisk disk)
    {
        using var deadline = new CancellationTokenSource(s_patience);
        var configuration = Read();
        Host = await NodeHost.StartAsync(
            configuration,
            new NodeHostOptions
            {
                Logging = _logs,
                Time = time,
                Disk = disk,
                ReadConfiguration = Read,
            },
            deadline.Token
        );
    }

    NodeConfiguration Read() =>
        ConfigurationReader.ReadFile(
            ConfigurationFile,
            signer =>
            {
                using var key = KeyFiles.ReadPrivate(signer.Path).Key;
                return key.PublicKey;
            }
        );

    static async Task<JsonElement> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var text = await response.Content.ReadAsStringAsync(cancellationToken);
        return response.IsSuccessStatusCode
            ? JsonElement.Parse(text)
            : throw new HttpRequestException($"{(int)response.StatusCode}: {text}", null, response.StatusCode);
    }

    HttpClient ControlClient()
    {
        var path = ControlAddress["unix://".Length..];
        return new HttpClient(
            new SocketsHttpHandler
            {
                ConnectCallback = async (_, cancellationToken) =>
                {
                    var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
                    return new NetworkStream(socket, ownsSocket: true);
                },
            }
        )
        {
            BaseAddress = new Uri("http://control"),
            Timeout = s_patience,
        };
    }
}

/// <summary>A logger factory that keeps lines for assertions.</summary>
public sealed class CapturedLogs : ILoggerFactory
{
    readonly ConcurrentQueue<string> _lines = new();

    public IReadOnlyCollection<string> Lines => _lines;

    public ILogger CreateLogger(string categoryName) => new Capture(categoryName, _lines);

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("this factory keeps lines and nothing else");

    public void Dispose() { }

    sealed class Capture(string category, ConcurrentQueue<string> lines) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) =>
            logLevel >= (category.StartsWith("Quorate", StringComparison.Ordinal) ? LogLevel.Information : LogLevel.Warning);

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        )
        {
            if (IsEnabled(logLevel))
            {
                lines.Enqueue($"{logLevel} {category}: {formatter(state, exception)}{(exception is null ? "" : $" | {exception}")}");
            }
        }
    }
}
