using System.Diagnostics;
using System.Globalization;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Log;

namespace Quorate.Bench;

/// <summary>
/// What this program does as a child of itself, so that its memory is its own and it may be killed: <c>grow</c> adds entries and kills itself, <c>mirror</c> copies a log, <c>load</c>
/// and <c>mirrors</c> print the peak of anonymous memory and of all resident memory, in kB.
/// </summary>
static class StateChild
{
    public const string Argument = "__state";

    // The same in parent and child.
    public static Ed25519PrivateKey Key() =>
        Ed25519PrivateKey.FromSeed(Convert.FromBase64String("oPGw8rNh03IVBaQ1AJNWnrud99CQM8JGO3Ef16PBbx0="));

    public static async Task RunAsync(string[] arguments)
    {
        using var key = Key();
        switch (arguments)
        {
            case ["grow", var folder, var first, var count]:
                await GrowAsync(folder, key, Number(first), Number(count));
                break;
            case ["load", var folder, var first, var count]:
                await LoadAsync(folder, key, Number(first), Number(count));
                break;
            case ["mirror", var folder, var source]:
                await MirrorAsync(folder, key, source);
                break;
            case ["mirrors", .. var folders]:
                await MirrorsAsync(folders, key);
                break;
            default:
                throw new ArgumentException("unknown task of a child", nameof(arguments));
        }
    }

    static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    static async Task GrowAsync(string folder, Ed25519PrivateKey key, int first, int count)
    {
        var log = await LogBenchmarks.OpenAsync(folder, key, HistoryWindow.Default);
        for (var i = first; i < first + count; i += 1000)
        {
            await log.SubmitAsync(Workload.Items(i, Math.Min(1000, first + count - i)), CancellationToken.None);
        }
        Process.GetCurrentProcess().Kill();
    }

    /// <summary>Four submitters at once, and one that asks for proofs under the newest and under earlier heads.</summary>
    static async Task LoadAsync(string folder, Ed25519PrivateKey key, int first, int count)
    {
        await using var log = await LogBenchmarks.OpenAsync(folder, key, HistoryWindow.Default);
        await using var memory = new MemoryWatch();
        using var stop = new CancellationTokenSource();
        var reading = Task.Run(() => Read([log], stop.Token), CancellationToken.None);
        var next = first;
        await Task.WhenAll(
            Enumerable
                .Range(0, 4)
                .Select(_ =>
                    Task.Run(
                        async () =>
                        {
                            for (int at; (at = Interlocked.Add(ref next, 1000) - 1000) < first + count; )
                            {
                                await log.SubmitAsync(Workload.Items(at, 1000), CancellationToken.None);
                            }
                        },
                        CancellationToken.None
                    )
                )
        );
        await stop.CancelAsync();
        await reading;
        Console.WriteLine(memory.Result);
    }

    static async Task MirrorAsync(string folder, Ed25519PrivateKey key, string source)
    {
        await using var log = await LogBenchmarks.OpenAsync(source, key, HistoryWindow.Default);
        await using var mirror = await OpenMirrorAsync(folder, key);
        var outcome = await mirror.SyncAsync([new ViewSource(log)], MirrorLimits.Default, null, CancellationToken.None);
        if (outcome is not SyncOutcome.Advanced)
        {
            throw new InvalidOperationException($"the mirror did not advance: {outcome}");
        }
    }

    static async Task MirrorsAsync(string[] folders, Ed25519PrivateKey key)
    {
        await using var memory = new MemoryWatch();
        var mirrors = new List<MirroredLog>();
        foreach (var folder in folders)
        {
            mirrors.Add(await OpenMirrorAsync(folder, key));
        }
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        Read(mirrors, stop.Token);
        Console.WriteLine(memory.Result);
        foreach (var mirror in mirrors)
        {
            await mirror.DisposeAsync();
        }
    }

    static Task<MirroredLog> OpenMirrorAsync(string folder, Ed25519PrivateKey key) =>
        MirroredLog.OpenAsync(
            new MirroredLogOptions { Identity = new LogIdentity(Protocol.Nix, key.PublicKey), Folder = folder },
            CancellationToken.None
        );

    static void Read(IReadOnlyList<LogView> logs, CancellationToken stop)
    {
        for (var i = 0L; !stop.IsCancellationRequested; i += 7919)
        {
            foreach (var log in logs)
            {
                var head = log.Head!;
                var key = Workload.Item((long)((ulong)i % head.TreeSize)).Key.Span;
                _ = log.MapValue(key, head.MapRoot);
                _ = log.InclusionProof((ulong)i % head.TreeSize, head.TreeSize);
            }
        }
    }

    /// <summary>Highest <c>RssAnon</c> and <c>VmRSS</c> seen in /proc/self/status.</summary>
    sealed class MemoryWatch : IAsyncDisposable
    {
        readonly CancellationTokenSource _stop = new();
        readonly Task _watching;
        long _anonymous;
        long _resident;

        public MemoryWatch() =>
            _watching = Task.Run(
                async () =>
                {
                    while (!_stop.IsCancellationRequested)
                    {
                        Look();
                        await Task.Delay(20, CancellationToken.None);
                    }
                },
                CancellationToken.None
            );

        public string Result => string.Create(CultureInfo.InvariantCulture, $"{_anonymous} {_resident}");

        void Look()
        {
            foreach (var line in File.ReadLines("/proc/self/status"))
            {
                if (line.StartsWith("RssAnon:", StringComparison.Ordinal))
                {
                    _anonymous = Math.Max(_anonymous, KiloBytes(line));
                }
                else if (line.StartsWith("VmRSS:", StringComparison.Ordinal))
                {
                    _resident = Math.Max(_resident, KiloBytes(line));
                }
            }
        }

        static long KiloBytes(string line) => long.Parse(string.Concat(line.Where(char.IsAsciiDigit)), CultureInfo.InvariantCulture);

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _watching;
            _stop.Dispose();
        }
    }
}
