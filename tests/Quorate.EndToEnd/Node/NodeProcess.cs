using System.Net;
using System.Net.Sockets;
using Quorate.EndToEnd.Programs;
using Quorate.Sources.Control;

namespace Quorate.EndToEnd.Node;

/// <summary>A real <c>quorated</c> with one published log, in a folder of its own.</summary>
sealed class NodeProcess : IAsyncDisposable
{
    readonly RunningProgram _program;

    NodeProcess(RunningProgram program, ControlClient control, string folder)
    {
        _program = program;
        Control = control;
        Folder = folder;
    }

    public ControlClient Control { get; }

    public string Folder { get; }

    public string Socket => SocketIn(Folder);

    public RunningProgram Program => _program;

    public static string SocketIn(string folder) => Path.Combine(folder, "c.socket");

    /// <summary>Writes a key and a configuration with one log, named like its builder, into a new folder.</summary>
    public static async Task<string> PrepareAsync(TemporaryFolder parent, string name, string protocol = "test")
    {
        var folder = Directory.CreateDirectory(parent[name]).FullName;
        (await BuiltProgram.QuorateAsync("key", "new", Path.Combine(folder, "node.key"))).MustSucceed();
        await File.WriteAllTextAsync(
            Path.Combine(folder, "quorate.yaml"),
            $$"""
            node:
              state: state
              listen: [http://127.0.0.1:{{FreePort()}}]
              control: unix://{{SocketIn(folder)}}
            signers:
              {{name}}: { type: ed25519, path: node.key }
            publish:
              - { name: {{name}}, protocol: {{protocol}}, signer: {{name}} }
            """
        );
        return folder;
    }

    public static RunningProgram Launch(string folder) =>
        RunningProgram.Start("dotnet", [BuiltProgram.QuoratedDll, "--config", Path.Combine(folder, "quorate.yaml")]);

    /// <summary>Starts the node of a prepared folder and returns when it answers.</summary>
    public static async Task<NodeProcess> StartAsync(string folder)
    {
        var program = Launch(folder);
        Assert.True(NodeAddress.TryParse("unix://" + SocketIn(folder), out var address, out var error), error);
        var control = ControlClient.Connect(address);
        using var timeout = new CancellationTokenSource(RunningProgram.Patience);
        while (true)
        {
            try
            {
                await control.StatusAsync(timeout.Token);
                return new NodeProcess(program, control, folder);
            }
            catch (NodeUnreachableException) when (!program.HasEnded)
            {
                await Task.Delay(20, timeout.Token);
            }
            catch (Exception e)
            {
                await control.DisposeAsync();
                await program.DisposeAsync();
                throw new InvalidOperationException($"the node does not come up: {e.Message}\n{program.Output}{program.Errors}", e);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Control.DisposeAsync();
        await _program.DisposeAsync();
    }

    internal static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
