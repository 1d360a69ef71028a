using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Quorate.Nix;
using Quorate.Nix.Traces;
using Quorate.Nix.Verification;
using Quorate.Sources.Traces;
using Quorate.Trust;

namespace Quorate.Bench;

/// <summary>Verifying build traces: a real closure of 157 steps with two builders, and made-up ones as large as a system's.</summary>
static class NixVerifyBenchmarks
{
    const string Hello = "/nix/store/yvixdlqwq3l5ikd0b5c3f39pxmfynwhl-hello-2.12.1.drv";

    /// <summary>As many as the runtime needs until it has compiled everything for good.</summary>
    const int WarmUps = 150;

    const int Large = 30_000;
    const int Huge = 100_000;
    const double MaxMegabytes = 600;

    public static IEnumerable<Benchmark> All()
    {
        yield return Row("nix-verify-hello-cold", "quorate nix verify of hello from local files, exec to exit", "ms", 400, ColdAsync);
        yield return Row("nix-verify-hello-warm", "the same in process", "ms", 40, WarmAsync);
        yield return Row(
            "nix-verify-30k",
            "30,000 derivations by three builders who agree, in process",
            "s",
            6,
            c => InMemoryAsync(c, Large, false)
        );
        yield return Row("nix-verify-100k", "100,000 derivations: time for 30,000 of them", "s", 6, c => InMemoryAsync(c, Huge, false));
        yield return Row(
            "nix-verify-divergent",
            "30,000 derivations of which one builder differs in 1 %, against none",
            "times",
            2,
            DivergentAsync
        );
        yield return Row(
            "nix-verify-30k-memory",
            "quorate nix verify of 30,000 derivations from local files, peak",
            "MB",
            MaxMegabytes,
            MemoryAsync
        );
    }

    static Benchmark Row(string name, string title, string unit, double bar, Func<BenchContext, Task<IReadOnlyList<Sample>>> measure) =>
        new(name, title, unit, bar, HigherIsBetter: false, measure);

    static async Task<IReadOnlyList<Sample>> ColdAsync(BenchContext context)
    {
        var (drvs, cache, trust) = HelloFiles(context);
        var samples = new List<Sample>();
        for (var run = -1; run < 2 * context.Runs; run++)
        {
            var (_, wall, cpu) = await ProcessBenchmarks.RunAsync(Program(Path.GetFileName(Hello), drvs, cache, trust));
            if (run >= 0)
            {
                samples.Add(new Sample(wall * 1e3, cpu * 1e6));
            }
        }
        return samples;
    }

    static async Task<IReadOnlyList<Sample>> WarmAsync(BenchContext context)
    {
        var (drvs, cache, trust) = HelloFiles(context);
        _ = TraceCacheAddress.TryParse($"dir:{cache}", out var address);
        using var traces = new TraceCache(address!, TimeProvider.System);
        var verifier = new TraceVerifier(new DerivationDirectory(drvs), [traces], TimeProvider.System);
        var request = new VerificationRequest(
            StorePath.Parse(Hello),
            OutputPaths.Empty,
            LautTrustFile.Parse(await File.ReadAllBytesAsync(trust))
        );
        var samples = new List<Sample>();
        for (var run = -WarmUps; run < 10 * context.Runs; run++)
        {
            var sample = await VerifyAsync(verifier, request);
            if (run >= 0)
            {
                samples.Add(new Sample(sample.Value * 1e3, sample.CpuMicroseconds));
            }
        }
        return samples;
    }

    static async Task<IReadOnlyList<Sample>> InMemoryAsync(BenchContext context, int size, bool divergent)
    {
        var closure = new SyntheticClosure(size, divergent);
        var samples = new List<Sample>();
        for (var run = -1; run < context.Runs; run++)
        {
            var sample = await VerifyAsync(closure);
            if (run >= 0)
            {
                samples.Add(new Sample(sample.Value * Large / size, sample.CpuMicroseconds / size));
            }
        }
        return samples;
    }

    static async Task<IReadOnlyList<Sample>> DivergentAsync(BenchContext context)
    {
        var (agreeing, divergent) = (new SyntheticClosure(Large, divergent: false), new SyntheticClosure(Large, divergent: true));
        var samples = new List<Sample>();
        for (var run = -1; run < context.Runs; run++)
        {
            var (one, other) = (await VerifyAsync(agreeing), await VerifyAsync(divergent));
            if (run >= 0)
            {
                // Of CPU time, which another process on this machine does not change.
                samples.Add(new Sample(other.CpuMicroseconds / one.CpuMicroseconds, other.CpuMicroseconds / Large));
            }
        }
        return samples;
    }

    static async Task<IReadOnlyList<Sample>> MemoryAsync(BenchContext context)
    {
        var (drvs, cache) = (context.Workspace.Folder("drvs"), context.Workspace.Folder("cache"));
        var closure = new SyntheticClosure(Large, divergent: false);
        closure.WriteTo(drvs, cache);
        var trust = Path.Combine(context.Workspace.Path, "trust.json");
        var keys = closure.Trust.Builders.Select(builder => builder.Keys.ClaimKeys[0].ToString());
        await File.WriteAllTextAsync(trust, TrustOf(2, keys));
        using var process = Process.Start(Program(closure.Target.BaseName, drvs, cache, trust))!;
        var began = Stopwatch.GetTimestamp();
        var output = process.StandardOutput.ReadToEndAsync();
        var peak = 0.0;
        while (!process.HasExited)
        {
            peak = Math.Max(peak, PeakMegabytes(process.Id));
            await Task.Delay(20);
        }
        await output;
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"verify ended with {process.ExitCode}: {await process.StandardError.ReadToEndAsync()}");
        }
        context.Note("seconds", Stopwatch.GetElapsedTime(began).TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture));
        return [new Sample(peak, double.NaN)];
    }

    /// <summary>The highest resident size that the kernel saw; 0 when the process has just ended.</summary>
    static double PeakMegabytes(int process)
    {
        try
        {
            var line = File.ReadLines($"/proc/{process}/status").FirstOrDefault(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
            return line is null ? 0 : double.Parse(line.AsSpan(6).Trim().TrimEnd("kB").Trim(), CultureInfo.InvariantCulture) * 1024 / 1e6;
        }
        catch (IOException)
        {
            return 0;
        }
    }

    static Task<Sample> VerifyAsync(SyntheticClosure closure) =>
        VerifyAsync(
            new TraceVerifier(closure, [closure], TimeProvider.System),
            new VerificationRequest(closure.Target, OutputPaths.Empty, closure.Trust)
        );

    /// <summary>Seconds, and CPU microseconds altogether.</summary>
    static async Task<Sample> VerifyAsync(TraceVerifier verifier, VerificationRequest request)
    {
        TraceVerification? result = null;
        var (wall, cpu) = await Sample.TimeAsync(async () => result = await verifier.VerifyAsync(request, null, CancellationToken.None));
        return result!.Verdict == Verdict.Accepted
            ? new Sample(wall, cpu * 1e6)
            : throw new InvalidOperationException($"not accepted: {string.Join("; ", result.Reasons)}");
    }

    static ProcessStartInfo Program(string target, string drvs, string cache, string trust)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("QUORATE_BENCH_CLI") ?? ProcessBenchmarks.Sibling())
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var argument in (string[])["nix", "verify", target, "--drvs", drvs, "--trust", trust, "--source", $"dir:{cache}"])
        {
            start.ArgumentList.Add(argument);
        }
        return start;
    }

    static string TrustOf(int required, IEnumerable<string> keys) =>
        $$"""{"threshold":{{required}},"of":[{{string.Join(',', keys.Select(key => $$"""{"key":"{{key}}"}"""))}}]}""";

    /// <summary>The vectors as a directory of derivations, a cache and a trust model.</summary>
    static (string Drvs, string Cache, string Trust) HelloFiles(BenchContext context)
    {
        var vectors = Environment.GetEnvironmentVariable("QUORATE_VECTORS") ?? Path.Combine("..", "shared", "vectors");
        var folder = Path.Combine(vectors, "nix-build-traces");
        if (!Directory.Exists(folder))
        {
            throw new InvalidOperationException($"{Path.GetFullPath(folder)} is not there; set QUORATE_VECTORS");
        }
        var (drvs, cache) = (context.Workspace.Folder("hello-drvs"), context.Workspace.Folder("hello-cache"));
        using (var document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "hello-ca-recursive-unresolved-aterm.json"))))
        {
            foreach (var derivation in document.RootElement.EnumerateObject())
            {
                File.WriteAllText(Path.Combine(drvs, Path.GetFileName(derivation.Name)), derivation.Value.GetString());
            }
        }
        var traces = Directory.CreateDirectory(Path.Combine(cache, "traces")).FullName;
        foreach (var file in Directory.EnumerateFiles(Path.Combine(folder, "traces")))
        {
            File.Copy(file, Path.Combine(traces, Path.GetFileName(file)), overwrite: true);
        }
        var trust = Path.Combine(context.Workspace.Path, "hello-trust.json");
        string[] keys = [.. "AB".Select(c => File.ReadAllText(Path.Combine(folder, "keys", $"builder{c}_key.public")).Trim())];
        File.WriteAllText(trust, TrustOf(2, keys));
        return (drvs, cache, trust);
    }
}
