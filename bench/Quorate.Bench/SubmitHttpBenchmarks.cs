using System.Text;
using Google.Protobuf;
using Quorate.Log;
using Quorate.Rpc.Messages;

namespace Quorate.Bench;

/// <summary>
/// <c>LogRPC/Submit</c> over the control listener on loopback TCP, binary, one entry a request: the node in a process of its own, whose CPU time
/// alone is counted.
/// </summary>
static class SubmitHttpBenchmarks
{
    const int Connections = 512;
    const int Requests = 60_000;
    const int LoneRequests = 2_000;

    public static IEnumerable<Benchmark> All()
    {
        yield return new Benchmark(
            "add-http",
            "LogRPC/Submit, one entry a request, 512 connections; CPU is the node's alone",
            "entries/s",
            15_000,
            HigherIsBetter: true,
            AddAsync
        )
        {
            CpuBar = 45,
        };
        yield return new Benchmark(
            "latency",
            "LogRPC/Submit by one client, one entry at a time, p50 until it is in a signed head",
            "ms",
            null,
            HigherIsBetter: false,
            LatencyAsync
        )
        {
            BarOf = calibration => 1 + 2 * calibration.SyncMicroseconds / 1000,
        };
    }

    static Task<IReadOnlyList<Sample>> AddAsync(BenchContext context) =>
        MeasureAsync(context, Connections, Requests, (seconds, _) => Requests / seconds);

    static Task<IReadOnlyList<Sample>> LatencyAsync(BenchContext context) =>
        MeasureAsync(context, connections: 1, LoneRequests, (_, latencies) => Median(latencies) / 1000);

    static async Task<IReadOnlyList<Sample>> MeasureAsync(
        BenchContext context,
        int connections,
        int requests,
        Func<double, double[], double> figure
    )
    {
        await using var node = await NodeChild.StartAsync(context.Workspace.Folder("add-http"));
        using var load = new LoadGenerator(node.Control, connections);
        var samples = new List<Sample>();
        // The first runs let the runtime compile what is hot.
        const int WarmUp = 5;
        for (var run = 0; run < WarmUp + context.Runs; run++)
        {
            var prepared = Prepare(node, run * (long)requests, requests);
            double[] latencies = [];
            var cpu = node.Cpu;
            var (seconds, _) = await Sample.TimeAsync(() =>
            {
                latencies = load.Run(prepared);
                return Task.CompletedTask;
            });
            if (run >= WarmUp)
            {
                samples.Add(new Sample(figure(seconds, latencies), (node.Cpu - cpu).TotalMicroseconds / requests));
            }
        }
        return samples;
    }

    static byte[][] Prepare(NodeChild node, long first, int count)
    {
        var requests = new byte[count][];
        for (var i = 0; i < count; i++)
        {
            var item = Workload.Item(first + i);
            var message = new SubmitRequest { LogID = node.LogId };
            message.Items.Add(
                new Quorate.Rpc.Messages.KeyValuePair
                {
                    Key = UnsafeByteOperations.UnsafeWrap(item.Key),
                    Value = UnsafeByteOperations.UnsafeWrap(item.Value),
                }
            );
            var body = message.ToByteArray();
            requests[i] =
            [
                .. Encoding.ASCII.GetBytes(
                    $"POST /trustix_rpc.v1.LogRPC/Submit HTTP/1.1\r\nHost: {node.Control}\r\nContent-Type: application/proto\r\nConnect-Protocol-Version: 1\r\nContent-Length: {body.Length}\r\n\r\n"
                ),
                .. body,
            ];
        }
        return requests;
    }

    static double Median(double[] values)
    {
        Array.Sort(values);
        return values[values.Length / 2];
    }
}
