using Quorate.Core;
using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Log;
using Quorate.Sources.Connect;

namespace Quorate.Bench;

/// <summary>Catching up with a log over plain Trustix RPC on loopback: one call per value, everything verified, client and server in this process.</summary>
static class MirrorBenchmarks
{
    const int Entries = 20_000;

    public static IEnumerable<Benchmark> All()
    {
        yield return new Benchmark(
            "mirror-rpc",
            "mirror catch-up over Trustix RPC, client and server together",
            "entries/s",
            8000,
            HigherIsBetter: true,
            MeasureAsync
        );
    }

    static async Task<IReadOnlyList<Sample>> MeasureAsync(BenchContext context)
    {
        var folder = context.Workspace.Folder("publisher");
        using var key = Ed25519PrivateKey.Generate();
        KeyFiles.WritePrivate(Path.Combine(folder, "alice.key"), key);
        await using var host = await BenchNode.StartAsync(
            folder,
            $"signers:\n  alice: {{ type: ed25519, path: {folder}/alice.key }}\npublish:\n  - {{ name: alice, protocol: nix, signer: alice }}\n"
        );
        var log = host.Context.Registry.Published[0].Log;
        for (var first = 0; first < Entries; first += 500)
        {
            await log.SubmitAsync(Workload.Items(first, 500), CancellationToken.None);
        }
        using var client = new ConnectClient(ConnectAddress.Parse(host.PublicAddresses[0]));
        var source = new ConnectLogSource(client);
        var samples = new List<Sample>();
        for (var run = -1; run < context.Runs; run++)
        {
            await using var mirror = await MirroredLog.OpenAsync(
                new MirroredLogOptions
                {
                    Identity = new LogIdentity(Protocol.Nix, key.PublicKey),
                    Folder = context.Workspace.Folder("mirror"),
                },
                CancellationToken.None
            );
            var sample = await Sample.RateAsync(
                Entries,
                async () =>
                {
                    var outcome = await mirror.SyncAsync([source], MirrorLimits.Default, null, CancellationToken.None);
                    if (outcome is not SyncOutcome.Advanced || mirror.MissingValues != 0)
                    {
                        throw new InvalidOperationException($"the mirror did not catch up: {outcome}");
                    }
                }
            );
            if (run >= 0)
            {
                samples.Add(sample);
            }
        }
        return samples;
    }
}
