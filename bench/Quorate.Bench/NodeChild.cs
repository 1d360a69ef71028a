using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Log;

namespace Quorate.Bench;

/// <summary>A <c>quorated</c> with one log in a process of its own, so that its CPU time can be told from the load generator's.</summary>
sealed class NodeChild : IAsyncDisposable
{
    readonly Process _process;

    NodeChild(Process process, int port, string logId)
    {
        _process = process;
        Control = new IPEndPoint(IPAddress.Loopback, port);
        LogId = logId;
    }

    public IPEndPoint Control { get; }

    public string LogId { get; }

    /// <summary>CPU time that the node has used so far.</summary>
    public TimeSpan Cpu
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    public static async Task<NodeChild> StartAsync(string folder)
    {
        using var key = Ed25519PrivateKey.Generate();
        KeyFiles.WritePrivate(Path.Combine(folder, "alice.key"), key);
        var port = FreePort();
        var configuration = Path.Combine(folder, "quorate.yaml");
        await File.WriteAllTextAsync(
            configuration,
            $$"""
            node: { state: state, listen: [], control: "http://127.0.0.1:{{port}}", max_concurrent_requests: 1024 }
            signers: { alice: { type: ed25519, path: alice.key } }
            publish: [{ name: alice, protocol: nix, signer: alice }]
            """
        );
        var start = new ProcessStartInfo("dotnet")
        {
            UseShellExecute = false,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "quorated.dll"));
        start.ArgumentList.Add("--config");
        start.ArgumentList.Add(configuration);
        var process = Process.Start(start) ?? throw new InvalidOperationException("quorated did not start");
        // Nobody reads on; its pipes must not fill.
        process.OutputDataReceived += static (_, _) => { };
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var child = new NodeChild(process, port, new LogIdentity(Protocol.Nix, key.PublicKey).Id.Text);
        await child.WaitAsync();
        return child;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    async Task WaitAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            try
            {
                using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(Control, patience.Token);
                return;
            }
            catch (SocketException) when (!_process.HasExited)
            {
                await Task.Delay(50, patience.Token);
            }
        }
    }

    static int FreePort()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)listener.LocalEndPoint!).Port;
    }
}
