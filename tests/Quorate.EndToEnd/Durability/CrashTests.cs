using System.Diagnostics;
using System.Globalization;
using System.Text;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.EndToEnd.Programs;
using Quorate.Log;

namespace Quorate.EndToEnd.Durability;

/// <summary>
/// A process that writes a log, and a mirror of it, is killed at a random moment, again and again: in turn over a log whose map holds the first value of a key,
/// and one whose map holds all its claims. After every round the files pass the full check, and nothing that the process ever told anybody is missing or
/// contradicted. QUORATE_CRASH_SEED repeats a run as far as the machine allows.
/// </summary>
public sealed class CrashTests
{
    /// <summary>A log is written on over this many kills, then a new one begins: the full check must stay short.</summary>
    const int RoundsPerLog = 20;

    /// <summary>Milliseconds, half of the time from the process's start, so that kills fall into opening and recovering, else from its first words.</summary>
    const int LongestLife = 500;

    static readonly Protocol[] s_protocols = [Protocol.Test, Protocol.NixTrace];

    static int Rounds => Environment.GetEnvironmentVariable("QUORATE_LONG_TESTS") == "1" ? 500 : 40;

    [Fact]
    public async Task A_log_and_its_mirror_lose_nothing_when_their_process_is_killed()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("QUORATE_CRASH_SEED"), CultureInfo.InvariantCulture, out var given)
            ? given
            : Random.Shared.Next(1_000_000);
        TestContext.Current.SendDiagnosticMessage($"QUORATE_CRASH_SEED={seed}");
        var random = new Random(seed);
        var (heads, entries) = (0L, 0L);
        var started = Stopwatch.GetTimestamp();
        for (var first = 0; first < Rounds; first += RoundsPerLog * s_protocols.Length)
        {
            using var folder = new TemporaryFolder();
            CrashWitness[] witnesses = [.. s_protocols.Select(p => new CrashWitness(Identity(p)))];
            var end = Math.Min(first + RoundsPerLog * s_protocols.Length, Rounds);
            for (var round = first; round < end; round++)
            {
                var witness = witnesses[round % witnesses.Length];
                var state = folder[witness.Protocol.Name];
                try
                {
                    await RunAsync(state, round, random.Next(LongestLife), afterOpening: round / witnesses.Length % 2 == 0, witness);
                    witness.CheckFolders(state);
                }
                catch (Exception e)
                {
                    throw new InvalidOperationException(
                        $"QUORATE_CRASH_SEED={seed}, round {round} ({witness.Protocol.Name}): {e.Message}",
                        e
                    );
                }
            }
            heads += witnesses.Sum(w => w.Heads);
            entries += witnesses.Sum(w => w.Entries);
            Report(end, heads, entries, started);
        }
        // Kills that all came before the first acknowledgement would show nothing.
        Assert.True(heads > Rounds && entries > Rounds, $"only {heads} heads and {entries} entries in {Rounds} rounds");
    }

    /// <summary>The long run takes minutes: whoever watches it must see that it goes on, without asking for diagnostics.</summary>
    static void Report(int rounds, long heads, long entries, long started)
    {
        var line = string.Create(
            CultureInfo.InvariantCulture,
            $"{rounds} of {Rounds} kills, {heads} heads and {entries} entries acknowledged, {Stopwatch.GetElapsedTime(started).TotalSeconds:0} s"
        );
        TestContext.Current.SendDiagnosticMessage(line);
        if (Rounds > RoundsPerLog * s_protocols.Length)
        {
            Console.Error.WriteLine(line);
        }
    }

    static async Task RunAsync(string state, int round, int life, bool afterOpening, CrashWitness witness)
    {
        var start = new ProcessStartInfo(
            "dotnet",
            [BuiltProgram.CrashWorkerDll, state, state + "-signed", witness.Protocol.Name, round.ToString(CultureInfo.InvariantCulture)]
        )
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        using var process = Process.Start(start)!;
        var opened = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var reading = ReadAsync(process.StandardOutput, opened);
        var errors = process.StandardError.ReadToEndAsync();
        if (afterOpening)
        {
            await Task.WhenAny(opened.Task, errors).WaitAsync(RunningProgram.Patience);
        }
        await Task.Delay(life);
        Assert.False(process.HasExited, process.HasExited ? await errors : "");
        process.Kill();
        var said = await reading.WaitAsync(RunningProgram.Patience);
        await process.WaitForExitAsync(new CancellationTokenSource(RunningProgram.Patience).Token);
        witness.Heard(said);
    }

    static async Task<string> ReadAsync(StreamReader output, TaskCompletionSource opened)
    {
        var said = new StringBuilder();
        var buffer = new char[1 << 14];
        for (int read; (read = await output.ReadAsync(buffer)) > 0; )
        {
            said.Append(buffer, 0, read);
            opened.TrySetResult();
        }
        return said.ToString();
    }

    static LogIdentity Identity(Protocol protocol)
    {
        using var key = Ed25519PrivateKey.FromSeed(Sha256Digest.HashData("crash harness"u8).AsSpan());
        return new LogIdentity(protocol, key.PublicKey);
    }
}
