using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Quorate.EndToEnd.Node;
using Quorate.EndToEnd.Programs;
using Quorate.Postgres;
using Quorate.Sources.Control;
using Quorate.Testing.Postgres;

namespace Quorate.EndToEnd.SharedLogs;

/// <summary>Several <c>quorated</c> processes with one log in one database, a load on all of them, and a record of everything they said.</summary>
sealed class SharedNodes : IAsyncDisposable
{
    internal const string Log = "shared";

    static readonly TimeSpan s_request = TimeSpan.FromSeconds(4);

    readonly TemporaryFolder _folder = new();
    readonly PostgresSettings _settings;
    readonly string[] _homes;
    readonly NodeProcess?[] _nodes;
    readonly CancellationTokenSource _stop = new();
    readonly ConcurrentDictionary<ulong, HeadInfo> _heads = new();
    readonly List<Task> _running = [];
    int _submits;

    SharedNodes(PostgresSettings settings, int count)
    {
        _settings = settings;
        _homes = new string[count];
        _nodes = new NodeProcess?[count];
    }

    /// <summary>Key → tree size, of everything that was acknowledged.</summary>
    public ConcurrentDictionary<string, ulong> Acknowledged { get; } = new(StringComparer.Ordinal);

    /// <summary>What contradicts a promise, one sentence each.</summary>
    public ConcurrentQueue<string> Broken { get; } = new();

    public IReadOnlyList<NodeProcess?> Nodes => _nodes;

    public static async Task<SharedNodes> StartAsync(int count)
    {
        var nodes = new SharedNodes(await PostgresServer.NewSchemaAsync(), count);
        try
        {
            await nodes.PrepareAsync();
            await Task.WhenAll(Enumerable.Range(0, count).Select(nodes.StartNodeAsync));
            return nodes;
        }
        catch
        {
            await nodes.DisposeAsync();
            throw;
        }
    }

    public async Task StartNodeAsync(int index) => _nodes[index] = await NodeProcess.StartAsync(_homes[index]);

    public async Task KillNodeAsync(int index)
    {
        var node = _nodes[index]!;
        await node.Program.KillAsync();
        _nodes[index] = null;
        await node.DisposeAsync();
    }

    /// <summary>The node that holds the lease now.</summary>
    public async Task<int> SequencerAsync()
    {
        using var deadline = new CancellationTokenSource(RunningProgram.Patience);
        while (true)
        {
            var holder = await ExecuteAsync("SELECT holder_name FROM quorate_log WHERE lease_until > now()") as string;
            var index = Array.FindIndex(
                _nodes,
                n =>
                    n is not null
                    && holder?.EndsWith($"/{n.Program.Id.ToString(CultureInfo.InvariantCulture)}", StringComparison.Ordinal) == true
            );
            if (index >= 0)
            {
                return index;
            }
            await Task.Delay(20, deadline.Token);
        }
    }

    public Task<object?> ExecuteAsync(string statement) => PostgresServer.ExecuteAsync(_settings, statement);

    /// <summary>Submits to all nodes, each item until somebody acknowledges it, and looks at all nodes' heads.</summary>
    public void BeginLoad(int submitters)
    {
        for (var i = 0; i < submitters; i++)
        {
            var first = i;
            _running.Add(Task.Run(() => SubmitAsync(first)));
        }
        for (var i = 0; i < _nodes.Length; i++)
        {
            var index = i;
            _running.Add(Task.Run(() => WatchAsync(index)));
        }
    }

    public async Task UntilAcknowledgedAsync(int more)
    {
        using var deadline = new CancellationTokenSource(RunningProgram.Patience);
        for (var wanted = Acknowledged.Count + more; Acknowledged.Count < wanted; )
        {
            await Task.Delay(20, deadline.Token);
        }
    }

    public async Task EndLoadAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_running);
        _running.Clear();
    }

    /// <summary>All entries and the head as one node serves them, once it covers what everybody was told.</summary>
    public async Task<(HeadInfo Head, IReadOnlyList<EntryInfo> Entries)> ServedByAsync(int index)
    {
        using var deadline = new CancellationTokenSource(RunningProgram.Patience);
        var control = _nodes[index]!.Control;
        var head = (await control.FlushAsync(Log, deadline.Token)).Value;
        var entries = new List<EntryInfo>();
        while ((ulong)entries.Count < head.TreeSize)
        {
            var last = Math.Min(head.TreeSize, (ulong)entries.Count + 1000) - 1;
            entries.AddRange((await control.EntriesAsync(Log, (ulong)entries.Count, last, deadline.Token)).Value);
        }
        return (head, entries);
    }

    public async ValueTask DisposeAsync()
    {
        await EndLoadAsync();
        foreach (var node in _nodes.OfType<NodeProcess>())
        {
            await node.DisposeAsync();
        }
        _stop.Dispose();
        _folder.Dispose();
    }

    async Task PrepareAsync()
    {
        var key = _folder["log.key"];
        (await BuiltProgram.QuorateAsync("key", "new", key)).MustSucceed();
        for (var i = 0; i < _homes.Length; i++)
        {
            _homes[i] = Directory.CreateDirectory(_folder[$"n{i}"]).FullName;
            await File.WriteAllTextAsync(
                Path.Combine(_homes[i], "quorate.yaml"),
                $$"""
                node:
                  state: state
                  listen: [http://127.0.0.1:{{NodeProcess.FreePort()}}]
                  control: unix://{{NodeProcess.SocketIn(_homes[i])}}
                  storage: { type: postgres, connection: "{{_settings.Connection}}", lease: 2s }
                signers:
                  shared: { type: ed25519, path: {{key}} }
                publish:
                  - { name: {{Log}}, protocol: test, signer: shared }
                """
            );
        }
    }

    async Task SubmitAsync(int first)
    {
        for (var node = first; !_stop.IsCancellationRequested; )
        {
            var key = $"key {Interlocked.Increment(ref _submits)}";
            var entry = new SubmitEntry(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes($"value of {key}"));
            // Whoever gets no answer does not know whether the item is logged, and asks another node.
            for (var done = false; !done && !_stop.IsCancellationRequested; node++)
            {
                if (_nodes[node % _nodes.Length] is not { } target)
                {
                    await Task.Delay(10);
                    continue;
                }
                try
                {
                    using var deadline = new CancellationTokenSource(s_request);
                    var outcome = (await target.Control.SubmitAsync(Log, [entry], relayed: false, deadline.Token)).Value;
                    Acknowledged[key] = outcome.TreeSize;
                    done = true;
                }
                catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException or ControlException)
                {
                    await Task.Delay(10);
                }
            }
        }
    }

    async Task WatchAsync(int index)
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                if (_nodes[index] is { } node)
                {
                    using var deadline = new CancellationTokenSource(s_request);
                    var head = (await node.Control.HeadAsync(Log, deadline.Token)).Value;
                    if (_heads.GetOrAdd(head.TreeSize, head) != head)
                    {
                        Broken.Enqueue($"two heads of size {head.TreeSize}");
                    }
                }
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException or ControlException)
            {
                // Killed or stopped: it will be back.
            }
            await Task.Delay(5);
        }
    }
}
