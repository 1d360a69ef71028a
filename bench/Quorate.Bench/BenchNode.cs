using Microsoft.Extensions.Logging.Abstractions;
using Quorate.Crypto.Keys;
using Quorate.Node.Configuration;
using Quorate.Node.Hosting;

namespace Quorate.Bench;

/// <summary>A whole node in this process from configuration text, listening on free ports of loopback.</summary>
static class BenchNode
{
    /// <param name="configuration">Sections beside <c>node:</c>.</param>
    /// <param name="state">An existing state directory; default: a new one in the folder.</param>
    public static Task<NodeHost> StartAsync(string folder, string configuration, string? state = null)
    {
        var file = Path.Combine(folder, "quorate.yaml");
        File.WriteAllText(
            file,
            $"node:\n  state: {state ?? folder + "/state"}\n  listen: [http://127.0.0.1:0]\n  control: http://127.0.0.1:0\n{configuration}"
        );
        NodeConfiguration Read() =>
            ConfigurationReader.ReadFile(
                file,
                signer =>
                {
                    using var key = KeyFiles.ReadPrivate(signer.Path).Key;
                    return key.PublicKey;
                }
            );
        return NodeHost.StartAsync(
            Read(),
            new NodeHostOptions { Logging = NullLoggerFactory.Instance, ReadConfiguration = Read },
            CancellationToken.None
        );
    }
}
