using System.Collections.Immutable;
using System.Text;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Synthetic;
using Quorate.Nix.Traces;
using Quorate.Nix.Verification;
using Quorate.Tests.Nix.Nar;

namespace Quorate.Tests.Nix.Synthetic;

/// <summary>
/// An input-addressed <c>tool</c> made of <c>lib</c>, which has two outputs: their derivations, the claims that builders make about them, and what a machine
/// has of them.
/// </summary>
sealed class SyntheticGraph : IDerivationSource, ITraceSource
{
    readonly Dictionary<StorePath, Derivation> _derivations = [];
    readonly Dictionary<ResolvedInputHash, List<ReadOnlyMemory<byte>>> _claims = [];

    public SyntheticGraph()
    {
        Lib = Make("lib", ["dev", "out"]);
        Tool = Make("tool", ["out"], new DerivationInput(Lib, ["dev"], []));
    }

    public string Name => "memory";

    public StorePath Lib { get; }

    public StorePath Tool { get; }

    public Derivation this[StorePath derivation] => _derivations[derivation];

    public byte[]? Read(StorePath derivation) => _derivations.GetValueOrDefault(derivation)?.AtermBytes.ToArray();

    public Task<TraceLookup> FindAsync(ResolvedInputHash input, CancellationToken cancellationToken) =>
        Task.FromResult(
            _claims.TryGetValue(input, out var claims) ? new TraceLookup.Found([TraceObject.OfElements(claims)], []) : TraceLookup.Absent
        );

    /// <summary>A view that has nothing to do with any content: for claims, any path does.</summary>
    public static StorePath View(char fill, string name) => StorePath.Parse($"/nix/store/{new string(fill, 32)}-{name}");

    /// <summary>The hash under which a claim belongs, where <c>lib.dev</c> is what the caller says.</summary>
    public ResolvedInputHash HashOf(
        StorePath derivation,
        StorePath libDev,
        TraceFormat format,
        IReadOnlyDictionary<string, StorePath> outputs
    )
    {
        var it = _derivations[derivation];
        var name = DerivationPaths.NameOf(derivation);
        SyntheticObject Input(StorePath path, string output) => new(_derivations[path].Output(output)!.Path!, libDev);
        return format == TraceFormat.Bundle
            ? SyntheticResolution.WithPlaceholders(it, name, Input)!.Hash
            : SyntheticResolution
                .WithOwnPaths(
                    it,
                    name,
                    Input,
                    outputs.ToDictionary(o => o.Key, o => new SyntheticObject(it.Output(o.Key)!.Path!, o.Value), StringComparer.Ordinal)
                )!
                .Hash;
    }

    /// <summary>As a builder of that format signs it.</summary>
    public void Claim(
        Ed25519PrivateKey key,
        TraceFormat format,
        StorePath derivation,
        StorePath libDev,
        IReadOnlyDictionary<string, StorePath> outputs
    ) => Claim(key, format, HashOf(derivation, libDev, format, outputs), outputs);

    public void Claim(
        Ed25519PrivateKey key,
        TraceFormat format,
        ResolvedInputHash input,
        IReadOnlyDictionary<string, StorePath> outputs,
        TraceRegime regime = TraceRegime.SyntheticContentAddressed
    )
    {
        var statement = new TraceStatement(
            input,
            regime,
            [.. outputs.Select(output => new SignedOutput(output.Key, output.Value, Sha256Digest.Zero))],
            Built: true,
            AttemptId: 1,
            TraceProvenance.None
        );
        if (!_claims.TryGetValue(input, out var claims))
        {
            _claims.Add(input, claims = []);
        }
        claims.Add(TraceWriter.Sign(statement, format, key, "key"));
    }

    StorePath Make(string name, string[] outputs, params ImmutableArray<DerivationInput> inputs)
    {
        // Own paths are blanked before they are hashed, so any stand there at first.
        var parts = Parts(name, outputs.ToDictionary(o => o, o => View('0', DerivationPaths.OutputPathName(name, o))), inputs);
        if (!new ModuloHashes(_derivations.GetValueOrDefault).TryMasked(parts.ToDerivation(), name, out var masked, out var problem))
        {
            throw new InvalidOperationException(problem);
        }
        parts = Parts(
            name,
            outputs.ToDictionary(o => o, o => DerivationPaths.InputAddressed(o, masked.Digest, StorePath.DefaultStoreDir, name)),
            inputs
        );
        var derivation = parts.ToDerivation();
        var path = DerivationPaths.Of(derivation, name);
        _derivations.Add(path, derivation);
        return path;
    }

    DerivationParts Parts(string name, Dictionary<string, StorePath> outputs, ImmutableArray<DerivationInput> inputs)
    {
        var variables = outputs
            .Select(output => (output.Key, output.Value.ToString()))
            .Concat(
                inputs.SelectMany(input => input.Outputs.Select(o => ($"used-{o}", $"{_derivations[input.Derivation].Output(o)!.Path}")))
            )
            .Append(("name", name))
            .OrderBy(pair => pair.Item1, StringComparer.Ordinal);
        return new DerivationParts
        {
            StoreDir = StorePath.DefaultStoreDir,
            Outputs =
            [
                .. outputs
                    .OrderBy(pair => pair.Key, StringComparer.Ordinal)
                    .Select(pair => new DerivationOutput(pair.Key, pair.Value, "", "")),
            ],
            Inputs = inputs,
            System = "x86_64-linux"u8.ToArray(),
            Builder = "/bin/sh"u8.ToArray(),
            Environment =
            [
                .. variables.Select(pair => new EnvironmentVariable(
                    Encoding.ASCII.GetBytes(pair.Item1),
                    Encoding.ASCII.GetBytes(pair.Item2)
                )),
            ],
        };
    }
}
