using System.Diagnostics;
using System.Text;
using Google.Protobuf;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Log;
using Quorate.Node.Hosting;
using Quorate.Rpc;
using Quorate.Rpc.Messages;
using Quorate.Sources.Connect;
using Quorate.Trust;

namespace Quorate.Bench;

/// <summary>A decision over four mirrored logs, each key asked once, so that no kept decision answers.</summary>
static class DecideBenchmarks
{
    const int Logs = 4;

    public static IEnumerable<Benchmark> All()
    {
        foreach (var (label, entries) in ((string, int)[])[("100k", 100_000), ("1m", 1_000_000)])
        {
            foreach (var clients in (int[])[1, 8])
            {
                double? inProcessBar = clients == 1 ? 200 : null;
                double? rpcBar = clients == 1 ? 2000 : null;
                yield return new Benchmark(
                    $"decide-inproc-c{clients}-n{label}",
                    $"decide in process, {clients} at a time, 4 mirrors of {label}",
                    "µs p50",
                    inProcessBar,
                    HigherIsBetter: false,
                    context => MeasureAsync(context, entries, clients, overRpc: false)
                );
                yield return new Benchmark(
                    $"decide-rpc-c{clients}-n{label}",
                    $"decide over RPC, {clients} clients, 4 mirrors of {label}",
                    "µs p50",
                    rpcBar,
                    HigherIsBetter: false,
                    context => MeasureAsync(context, entries, clients, overRpc: true)
                );
            }
        }
    }

    static async Task<IReadOnlyList<Sample>> MeasureAsync(BenchContext context, int entries, int clients, bool overRpc)
    {
        const int PerRun = 2000;
        await using var host = await ConsumerAsync(context.Workspace, entries);
        var asked = 0;
        var samples = new List<Sample>();
        for (var run = -1; run < context.Runs; run++)
        {
            var times = new double[PerRun];
            var next = -1;
            var first = asked;
            asked += PerRun;
            var (_, cpu) = await Sample.TimeAsync(() =>
                Task.WhenAll(
                    Enumerable
                        .Range(0, clients)
                        .Select(async _ =>
                        {
                            // One connection a client, as separate programs would have.
                            using var rpc = overRpc ? new ConnectClient(ConnectAddress.Parse(host.ControlAddress)) : null;
                            for (int i; (i = Interlocked.Increment(ref next)) < PerRun; )
                            {
                                // Spread over the log, and never twice.
                                var key = Encoding.ASCII.GetBytes(Workload.StorePath((first + i) * 7919L % entries));
                                var start = Stopwatch.GetTimestamp();
                                await DecideAsync(host, rpc, key);
                                times[i] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
                            }
                        })
                )
            );
            Array.Sort(times);
            if (run >= 0)
            {
                samples.Add(new Sample(times[PerRun / 2], cpu * 1e6 / PerRun));
            }
        }
        return samples;
    }

    static async Task DecideAsync(NodeHost host, ConnectClient? rpc, byte[] key)
    {
        if (rpc is null)
        {
            // Off the caller's thread, as a request would be.
            var decision = await Task.Run(() =>
                host.Context.Decisions.DecideAsync(new BuildInput(Protocol.Nix, key), CancellationToken.None)
            );
            if (decision.Verdict != Verdict.Accepted)
            {
                throw new InvalidOperationException($"not accepted: {string.Join("; ", decision.Reasons)}");
            }
            return;
        }
        await rpc.CallAsync(
            TrustixMethods.RpcApi.Decide,
            new DecideRequest { Key = ByteString.CopyFrom(key), Protocol = Protocol.Nix.Name },
            CallLimits.Small,
            CancellationToken.None
        );
    }

    /// <summary>A node that follows four logs of equal content, already mirrored; their remotes are gone.</summary>
    static async Task<NodeHost> ConsumerAsync(Workspace workspace, int entries)
    {
        const string Follow = "follow.yaml";
        var folder = await workspace.PreparedAsync(
            $"consumer-{entries}",
            async empty => await File.WriteAllTextAsync(Path.Combine(empty, Follow), await MirrorAsync(workspace, empty, entries))
        );
        return await BenchNode.StartAsync(folder, await File.ReadAllTextAsync(Path.Combine(folder, Follow)));
    }

    /// <summary>Fills the state directory with the mirrors, and gives the configuration that follows their logs.</summary>
    static async Task<string> MirrorAsync(Workspace workspace, string folder, int entries)
    {
        var configuration = new StringBuilder("follow:\n");
        using var state = StateDirectory.Open(Path.Combine(folder, "state"));
        for (var i = 0; i < Logs; i++)
        {
            using var key = Ed25519PrivateKey.Generate();
            var identity = new LogIdentity(Protocol.Nix, key.PublicKey);
            var source = workspace.Folder("source");
            await using (var log = await LogBenchmarks.FilledAsync(source, entries, key, HistoryWindow.Default))
            {
                await using var mirror = await MirroredLog.OpenAsync(
                    new MirroredLogOptions { Identity = identity, Folder = state.MirrorFolder(identity.Id) },
                    CancellationToken.None
                );
                var outcome = await mirror.SyncAsync([new ViewSource(log)], MirrorLimits.Default, null, CancellationToken.None);
                if (outcome is not SyncOutcome.Advanced)
                {
                    throw new InvalidOperationException($"the mirror did not advance: {outcome}");
                }
            }
            Directory.Delete(source, recursive: true);
            // Port 9 refuses at once: decisions must need no network.
            configuration.Append(
                $"  - {{ builder: b{i}, protocol: nix, key: \"{key.PublicKey}\", remotes: [http://127.0.0.1:9], poll: 1h }}\n"
            );
        }
        return configuration.Append("trust:\n  nix: { rule: \"3 of (b0, b1, b2, b3)\" }\n").ToString();
    }
}
