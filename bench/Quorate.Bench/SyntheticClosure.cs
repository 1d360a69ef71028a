using System.Text;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Traces;
using Quorate.Nix.Verification;

namespace Quorate.Bench;

/// <summary>
/// A closure of made-up derivations with the traces of three builders, in memory: each derivation uses a common tool and a few earlier ones, and has about as much text as a
/// real one. Every hundredth step may be one on which the third builder differs; its consumers give the same again.
/// </summary>
sealed class SyntheticClosure : IDerivationSource, ITraceSource
{
    const int Builders = 3;
    const int Inputs = 6;

    /// <summary>Steps that do not wait for each other: 30,000 are 300 deep.</summary>
    const int Width = 100;

    const int TextBytes = 1500;
    const int DivergentEvery = 100;

    readonly Dictionary<StorePath, byte[]> _aterms = [];
    readonly Dictionary<ResolvedInputHash, byte[]> _traces = [];
    readonly Ed25519PrivateKey[] _keys = [.. Enumerable.Range(0, Builders).Select(_ => Ed25519PrivateKey.Generate())];

    public SyntheticClosure(int size, bool divergent)
    {
        var made = new (StorePath Path, StorePath Common, StorePath Third)[size];
        var random = new Random(size);
        var text = Encoding.ASCII.GetBytes(new string('x', TextBytes));
        for (var i = 0; i < size; i++)
        {
            var inputs = new SortedSet<int>();
            if (i == size - 1)
            {
                // Everything is below the last one.
                inputs.UnionWith(Enumerable.Range(Math.Max(0, i - Width), Math.Min(i, Width)));
            }
            else if (i >= Width)
            {
                inputs.Add(0);
                inputs.Add(i - Width);
                while (inputs.Count < Math.Min(Inputs, i - Width + 1))
                {
                    inputs.Add(random.Next(Math.Max(0, i - 2000), i - Width + 1));
                }
            }
            made[i] = Make($"package-{i}", [.. inputs.Select(input => made[input])], text, divergent && i % DivergentEvery == 1);
        }
        Target = made[^1].Path;
        var leaves = _keys.Select((key, i) => $$"""{"key":"{{new NixCachePublicKey($"builder{i}", key.PublicKey)}}"}""");
        Trust = LautTrustFile.Parse(Encoding.ASCII.GetBytes($$"""{"threshold":2,"of":[{{string.Join(',', leaves)}}]}"""));
        Array.ForEach(_keys, key => key.Dispose());
    }

    public StorePath Target { get; }

    public TraceTrust Trust { get; }

    public string Name => "memory";

    public byte[]? Read(StorePath derivation) => _aterms.GetValueOrDefault(derivation);

    public Task<TraceLookup> FindAsync(ResolvedInputHash input, CancellationToken cancellationToken) =>
        Task.FromResult(
            !_traces.TryGetValue(input, out var bytes) ? TraceLookup.Absent
            : TraceObject.TryRead(bytes, out var traces, out var problem) ? new TraceLookup.Found([traces], [])
            : (TraceLookup)new TraceLookup.Unavailable(problem)
        );

    /// <summary>Writes the derivations, and the traces as a cache has them.</summary>
    public void WriteTo(string drvs, string cache)
    {
        foreach (var (path, aterm) in _aterms)
        {
            File.WriteAllBytes(Path.Combine(drvs, path.BaseName), aterm);
        }
        var folder = Directory.CreateDirectory(Path.Combine(cache, "traces", "aterm")).FullName;
        foreach (var (hash, bytes) in _traces)
        {
            File.WriteAllBytes(Path.Combine(folder, hash.ToString()), bytes);
        }
    }

    (StorePath Path, StorePath Common, StorePath Third) Make(
        string name,
        (StorePath Path, StorePath Common, StorePath Third)[] inputs,
        byte[] text,
        bool divergent
    )
    {
        var parts = new DerivationParts
        {
            StoreDir = StorePath.DefaultStoreDir,
            Outputs = [new DerivationOutput("out", null, "r:sha256", "")],
            Inputs = [.. inputs.Select(input => new DerivationInput(input.Path, ["out"], []))],
            System = "x86_64-linux"u8.ToArray(),
            Builder = "/bin/sh"u8.ToArray(),
            Environment =
            [
                new EnvironmentVariable("name"u8.ToArray(), Encoding.ASCII.GetBytes(name)),
                new EnvironmentVariable("out"u8.ToArray(), Placeholders.Own("out")),
                new EnvironmentVariable("script"u8.ToArray(), text),
                new EnvironmentVariable(
                    "uses"u8.ToArray(),
                    inputs.SelectMany(input => (byte[])[.. Placeholders.Upstream(input.Path, "out"), (byte)' ']).ToArray()
                ),
            ],
        };
        var derivation = parts.ToDerivation();
        var path = DerivationPaths.Of(derivation, name);
        _aterms[path] = derivation.ToAterm();
        var common = inputs.ToDictionary(input => input.Path, input => input.Common);
        var third = inputs.ToDictionary(input => input.Path, input => input.Third);
        var output = OutputOf(name, "");
        var other = divergent ? OutputOf(name, " by the third") : output;
        Sign(Resolve(derivation, name, common), output, _keys[..^1]);
        Sign(Resolve(derivation, name, third), other, _keys[^1..]);
        return (path, output, other);
    }

    static ResolvedInputHash Resolve(Derivation derivation, string name, Dictionary<StorePath, StorePath> chosen) =>
        DerivationResolution.Resolve(derivation, name, (path, _) => chosen[path])!.Hash;

    static StorePath OutputOf(string name, string variant) =>
        ContentAddressing.RecursiveSha256(
            Sha256Digest.HashData(Encoding.ASCII.GetBytes(name + variant)),
            [],
            StorePath.DefaultStoreDir,
            name
        );

    void Sign(ResolvedInputHash input, StorePath output, Ed25519PrivateKey[] keys)
    {
        foreach (var key in keys)
        {
            var statement = new TraceStatement(
                input,
                TraceRegime.ContentAddressed,
                [new SignedOutput("out", output, Sha256Digest.HashData(Encoding.ASCII.GetBytes(output.BaseName)), "sha256", "nar")],
                Built: true,
                AttemptId: 1,
                TraceProvenance.None
            );
            var line = TraceWriter.Sign(statement, TraceFormat.Bundle, key, "");
            _traces[input] = [.. _traces.GetValueOrDefault(input) ?? [], .. line, (byte)'\n'];
        }
    }
}
