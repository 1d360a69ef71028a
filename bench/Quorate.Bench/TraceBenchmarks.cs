using System.Globalization;
using System.Text.Json;
using Quorate.Core;
using Quorate.Core.Encodings;
using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Log;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Traces;

namespace Quorate.Bench;

/// <summary>Build traces: verifying what caches keep, and signing one build. Claims are as large as real ones, without debugging preimages.</summary>
static class TraceBenchmarks
{
    const int Builders = 3;
    const int Closure = 30_000;
    const int Hello = 157;

    /// <summary>Runs of a closure as small as that before the runtime has compiled everything for good.</summary>
    const int HelloWarmUps = 50;

    static readonly TraceProvenance s_provenance = TraceProvenance.None with
    {
        Versions = new Dictionary<string, string>(StringComparer.Ordinal) { ["nixFlavor"] = "nix", ["nixVersion"] = "2.34.8" },
    };

    static readonly byte[] s_preimage = JsonSerializer.SerializeToUtf8Bytes(
        new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["rdrv_aterm_ca_preimage"] = string.Concat(Enumerable.Repeat("(\"name\",\"a value\\n of some length\"),", 200)),
        }
    );

    public static IEnumerable<Benchmark> All()
    {
        yield return new Benchmark(
            "trace-verify-jws",
            "read and verify 314 JWS of two builders with preimages, two threads",
            "ms",
            40,
            HigherIsBetter: false,
            context => VerifyAsync(context, TraceFormat.Jws2, Hello, builders: 2, threads: 2, HelloWarmUps)
        );
        yield return new Benchmark(
            "trace-verify-bundles",
            "read and verify 90,000 bundles of three builders, two threads",
            "ms",
            3500,
            HigherIsBetter: false,
            context => VerifyAsync(context, TraceFormat.Bundle, Closure, Builders, threads: 2, warmUps: 1)
        );
        yield return new Benchmark(
            "trace-sign",
            "sign one build and append the claim to a log, durable",
            "ms p50",
            25,
            HigherIsBetter: false,
            SignAsync
        );
    }

    static async Task<IReadOnlyList<Sample>> VerifyAsync(
        BenchContext context,
        TraceFormat format,
        int steps,
        int builders,
        int threads,
        int warmUps
    )
    {
        var keys = Enumerable.Range(0, builders).Select(builder => Key((byte)builder)).ToArray();
        var objects = Enumerable.Range(0, steps).Select(step => Object(step, format, keys)).ToArray();
        var questions = Enumerable.Range(0, steps).Select(Question).ToArray();
        var admission = new TraceAdmission(new TraceKeys(keys.Select(key => key.PublicKey)));
        var samples = new List<Sample>();
        for (var run = -warmUps; run < context.Runs; run++)
        {
            GC.Collect();
            var claims = 0;
            var (wall, cpu) = await Sample.TimeAsync(() =>
                Parallel.ForAsync(
                    0,
                    steps,
                    new ParallelOptions { MaxDegreeOfParallelism = threads },
                    (step, _) =>
                    {
                        var findings = new TraceFindings();
                        if (TraceObject.TryRead(objects[step], out var traces, out var _))
                        {
                            admission.Admit(traces, questions[step], findings);
                        }
                        Interlocked.Add(ref claims, findings.Claims.Count);
                        return ValueTask.CompletedTask;
                    }
                )
            );
            if (claims != steps * builders)
            {
                throw new InvalidOperationException($"{claims} claims verified");
            }
            if (run >= 0)
            {
                samples.Add(new Sample(wall * 1000, cpu * 1e6 / claims));
            }
        }
        context.Note("claims", (steps * builders).ToString(CultureInfo.InvariantCulture));
        context.Note("bytes", objects.Sum(o => (long)o.Length).ToString(CultureInfo.InvariantCulture));
        return samples;
    }

    static async Task<IReadOnlyList<Sample>> SignAsync(BenchContext context)
    {
        const int PerRun = 100;
        using var logKey = Key(200);
        using var state = StateDirectory.Open(context.Workspace.Folder("traces"));
        var identity = new LogIdentity(Protocol.NixTrace, logKey.PublicKey);
        await using var log = await PublishedLog.OpenAsync(
            new PublishedLogOptions { Identity = identity, Folder = state.PublishedFolder(identity.Id) },
            logKey,
            CancellationToken.None
        );
        using var claimKey = NixCacheSecretKey.Generate("claims");
        var signer = new TraceSigner(claimKey, ClaimForm.Default, s_provenance.Versions);
        var samples = new List<Sample>();
        var next = 0;
        for (var run = -1; run < context.Runs; run++)
        {
            var times = new double[PerRun];
            var (_, cpu) = await Sample.TimeAsync(async () =>
            {
                for (var i = 0; i < PerRun; i++)
                {
                    var step = next++;
                    var (wall, _) = await Sample.TimeAsync(async () =>
                    {
                        var trace = signer.Sign(Build(step));
                        await log.SubmitAsync([new SubmitItem(trace.LogKey, trace.Element.Raw)], CancellationToken.None);
                    });
                    times[i] = wall * 1000;
                }
            });
            Array.Sort(times);
            if (run >= 0)
            {
                samples.Add(new Sample(times[PerRun / 2], cpu * 1e6 / PerRun));
            }
        }
        return samples;
    }

    static ExaminedBuild.Sound Build(int step) =>
        new(
            Path(step, "package-1.0.drv"),
            TraceRegime.ContentAddressed,
            Aterm: default,
            Input(step),
            Sources: [],
            Outputs(step),
            Facts: []
        );

    static byte[] Object(int step, TraceFormat format, IReadOnlyList<Ed25519PrivateKey> keys)
    {
        var statement = new TraceStatement(
            Input(step),
            TraceRegime.ContentAddressed,
            Outputs(step),
            Built: true,
            AttemptId: (UInt128)step,
            s_provenance,
            // As in the fixtures of laut, where the median claim has 6 KB; bundles come without.
            DebugPreimage: format == TraceFormat.Bundle ? null : s_preimage
        );
        byte[]? bytes = null;
        foreach (var key in keys)
        {
            var element = TraceElement.Of(TraceWriter.Sign(statement, format, key, "builder"));
            bytes =
                bytes is null ? TraceObject.Create(element)
                : TraceObject.TryRead(bytes, out var traces, out var problem) ? traces.Append(element)
                : throw new InvalidOperationException(problem);
        }
        return bytes!;
    }

    static TraceQuestion Question(int step) =>
        new(
            Input(step),
            TraceRegime.ContentAddressed,
            new Dictionary<string, string>(StringComparer.Ordinal) { ["out"] = "package-1.0", ["dev"] = "package-1.0-dev" }
        );

    static SignedOutput[] Outputs(int step) =>
        [
            new SignedOutput("dev", Path(step, "package-1.0-dev"), Sha256Digest.HashData(BitConverter.GetBytes(step)), "sha256", "nar"),
            new SignedOutput("out", Path(step, "package-1.0"), Sha256Digest.HashData(BitConverter.GetBytes(-step)), "sha256", "nar"),
        ];

    static ResolvedInputHash Input(int step) => new(Sha256Digest.HashData(BitConverter.GetBytes(step)).AsSpan()[..ResolvedInputHash.Size]);

    static StorePath Path(int step, string name) =>
        StorePath.Parse($"/nix/store/{Nix32.Encode(Sha256Digest.HashData(BitConverter.GetBytes(~step)).AsSpan()[..20])}-{name}");

    static Ed25519PrivateKey Key(byte number) =>
        Ed25519PrivateKey.FromSeed(Enumerable.Repeat(number, Ed25519PrivateKey.SeedSize).ToArray());
}
