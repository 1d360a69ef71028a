using Quorate.Core;
using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Log;
using Quorate.Sources.Connect;
using Quorate.Sources.Tiles;

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
        yield return new Benchmark(
            "mirror",
            "mirror of a log of 1 M by bundles, node and mirror on the same cores, everything recomputed",
            "entries/s",
            100_000,
            HigherIsBetter: true,
            BundlesAsync
        )
        {
            // Two cores' time for 100,000 entries a second.
            CpuBar = 20,
        };
    }

    static async Task<IReadOnlyList<Sample>> BundlesAsync(BenchContext context)
    {
        using var key = PrefilledLog.Key();
        var state = await PrefilledLog.FolderAsync(context, key);
        var folder = context.Workspace.Folder("publisher");
        KeyFiles.WritePrivate(Path.Combine(folder, "alice.key"), key);
        var identity = new LogIdentity(Protocol.Nix, key.PublicKey);
        await using var host = await BenchNode.StartAsync(
            folder,
            $"signers:\n  alice: {{ type: ed25519, path: {folder}/alice.key }}\npublish:\n  - {{ name: alice, protocol: nix, signer: alice, origin: logs/{identity.Id} }}\n",
            state
        );
        var entries = (long)host.Context.Registry.Published[0].Log.Head.TreeSize;
        using var client = new ConnectClient(ConnectAddress.Parse(host.PublicAddresses[0]));
        using var source = new TileLogSource(client.Address, new ConnectLogSource(client), new ConnectClientOptions());
        var samples = new List<Sample>();
        for (var run = 0; run < context.Runs; run++)
        {
            var copy = context.Workspace.Folder("mirror");
            await using (
                var mirror = await MirroredLog.OpenAsync(
                    new MirroredLogOptions { Identity = identity, Folder = copy },
                    CancellationToken.None
                )
            )
            {
                samples.Add(
                    await Sample.RateAsync(
                        entries,
                        async () =>
                        {
                            var outcome = await mirror.SyncAsync([source], MirrorLimits.Default, null, CancellationToken.None);
                            if (outcome is not SyncOutcome.Advanced { Faults.Count: 0 } || mirror.MissingValues != 0)
                            {
                                throw new InvalidOperationException($"the mirror did not catch up: {outcome}");
                            }
                        }
                    )
                );
            }
            Directory.Delete(copy, recursive: true);
        }
        context.Note("entries", entries.ToString(System.Globalization.CultureInfo.InvariantCulture));
        return samples;
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
