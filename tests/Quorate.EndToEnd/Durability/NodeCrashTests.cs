using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Quorate.Core;
using Quorate.Crypto.Keys;
using Quorate.Crypto.Notes;
using Quorate.EndToEnd.Node;
using Quorate.EndToEnd.Programs;
using Quorate.Log;
using Quorate.Log.Tiles;
using Quorate.Sources.Control;

namespace Quorate.EndToEnd.Durability;

/// <summary>
/// Whole nodes: <c>quorated</c> takes submits over HTTP and shows checkpoints, another one mirrors its log, and in each round one of them, or both, are killed at a
/// random moment and started again. Nothing that anybody was told over HTTP is missing or contradicted. QUORATE_CRASH_SEED repeats a run as far as the machine allows.
/// </summary>
public sealed class NodeCrashTests : IDisposable
{
    const int Clients = 8;

    /// <summary>Milliseconds under load before the kill.</summary>
    const int LongestLife = 800;

    readonly TemporaryFolder _folder = new();
    readonly ConcurrentDictionary<string, bool> _acknowledged = new(StringComparer.Ordinal);
    readonly ConcurrentDictionary<ulong, string> _roots = new();
    readonly ConcurrentQueue<string> _contradictions = new();

    static int Rounds => Environment.GetEnvironmentVariable("QUORATE_LONG_TESTS") == "1" ? 60 : 6;

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Nodes_under_http_load_lose_nothing_when_they_are_killed()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("QUORATE_CRASH_SEED"), CultureInfo.InvariantCulture, out var given)
            ? given
            : Random.Shared.Next(1_000_000);
        TestContext.Current.SendDiagnosticMessage($"QUORATE_CRASH_SEED={seed}");
        var random = new Random(seed);
        var alice = await NodeProcess.PrepareAsync(_folder, "alice");
        using var key = KeyFiles.ReadPrivate(Path.Combine(alice, "node.key")).Key;
        var identity = new LogIdentity(Protocol.Test, key.PublicKey);
        var remote = Listener(alice);
        var bob = await PrepareFollowerAsync(identity, remote);
        for (var round = 0; round < Rounds; round++)
        {
            try
            {
                await RunAsync(round, alice, bob, remote, identity, random);
                Check(alice, bob, identity);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"QUORATE_CRASH_SEED={seed}, round {round}: {e.Message}", e);
            }
        }
        // Kills that all came before the first acknowledgement would show nothing.
        Assert.True(_acknowledged.Count > Rounds, $"only {_acknowledged.Count} entries were acknowledged in {Rounds} rounds");
    }

    async Task RunAsync(int round, string alice, string bob, string remote, LogIdentity identity, Random random)
    {
        await using var publisher = await NodeProcess.StartAsync(alice);
        await using var follower = await NodeProcess.StartAsync(bob);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var load = Enumerable.Range(0, Clients).Select(n => SubmitAsync(publisher.Control, round, n, stop.Token)).ToList();
        load.Add(WatchAsync(new Uri($"{remote}/logs/{identity.Id}/checkpoint"), identity, stop.Token));
        await Task.Delay(random.Next(LongestLife), Cancellation);
        // In a third of the rounds the follower alone, which then has to catch up with a log that went on; in another third both.
        var which = round % 3;
        if (which != 1)
        {
            await publisher.Program.KillAsync();
        }
        if (which != 0)
        {
            await follower.Program.KillAsync();
        }
        await Task.Delay(which == 1 ? random.Next(LongestLife) : 0, Cancellation);
        await stop.CancelAsync();
        await Task.WhenAll(load).WaitAsync(RunningProgram.Patience, Cancellation);
        // Whoever lives is killed, too: its files have to be looked at.
        await publisher.Program.KillAsync();
        await follower.Program.KillAsync();
    }

    async Task SubmitAsync(ControlClient control, int round, int client, CancellationToken cancellationToken)
    {
        try
        {
            for (var call = 0; ; call++)
            {
                var names = Enumerable
                    .Range(0, 1 + (call % 7))
                    .Select(i => string.Create(CultureInfo.InvariantCulture, $"{round}/{client}/{call}/{i}"))
                    .ToList();
                var items = names.Select(n => new SubmitEntry(Encoding.UTF8.GetBytes(n), Encoding.UTF8.GetBytes($"value of {n}"))).ToList();
                var outcome = (await control.SubmitAsync("alice", items, relayed: false, cancellationToken)).Value;
                foreach (var name in names)
                {
                    _acknowledged[$"{name}={Sha256Digest.HashData(Encoding.UTF8.GetBytes($"value of {name}"))}"] = true;
                }
                Saw(outcome.TreeSize, outcome.LogRoot!);
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // The node is dead, or the round over: what was not answered is open.
        }
    }

    /// <summary>Somebody who looks at the log from outside.</summary>
    async Task WatchAsync(Uri checkpoint, LogIdentity identity, CancellationToken cancellationToken)
    {
        using var http = new HttpClient();
        try
        {
            while (true)
            {
                var note = SignedNote.Parse(await http.GetByteArrayAsync(checkpoint, cancellationToken));
                var tree = Checkpoint.Parse(note.Text.Span);
                Assert.True(NoteCheck.Of(note, [NoteVerifierKey.Ed25519(tree.Origin, identity.Key)]).Result.IsVerified);
                Saw(tree.Size, tree.Root.ToString());
                await Task.Delay(5, cancellationToken);
            }
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            // As above.
        }
    }

    void Saw(ulong size, string root)
    {
        if (_roots.GetOrAdd(size, root) is var before && before != root)
        {
            _contradictions.Enqueue($"{size} entries have the roots {before} and {root}");
        }
    }

    void Check(string alice, string bob, LogIdentity identity)
    {
        Assert.Empty(_contradictions);
        var log = KilledFolder.Check(Path.Combine(alice, "state", "logs", identity.Id.Text), identity);
        Assert.Empty(_acknowledged.Keys.Where(e => !log.Entries.Contains(e)).Take(5));
        var roots = log.Heads.Values.ToDictionary(h => h.TreeSize, h => h.LogRoot.ToString());
        Assert.All(_roots, seen => Assert.Equal(seen.Value, roots.GetValueOrDefault(seen.Key)));
        log.AssertHolds(KilledFolder.Check(Path.Combine(bob, "state", "mirrors", identity.Id.Text), identity));
    }

    async Task<string> PrepareFollowerAsync(LogIdentity identity, string remote)
    {
        var folder = Directory.CreateDirectory(_folder["bob"]).FullName;
        await File.WriteAllTextAsync(
            Path.Combine(folder, "quorate.yaml"),
            $$"""
            node:
              state: state
              control: unix://{{NodeProcess.SocketIn(folder)}}
            follow:
              - { builder: alice, protocol: test, key: "{{identity.Key}}", remotes: [{{remote}}], poll: 1s }
            """,
            Cancellation
        );
        return folder;
    }

    static string Listener(string folder) =>
        File.ReadLines(Path.Combine(folder, "quorate.yaml")).First(l => l.Contains("listen:", StringComparison.Ordinal)).Split('[', ']')[1];
}
