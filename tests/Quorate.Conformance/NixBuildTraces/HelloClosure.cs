using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Testing;

namespace Quorate.Conformance.NixBuildTraces;

/// <summary>
/// The 275 derivations below <c>hello</c> and what two real builders said about 157 of them. Signatures are not looked at here.
/// </summary>
sealed class HelloClosure
{
    const string Folder = "nix-build-traces";

    readonly Dictionary<string, Dictionary<string, StorePath>> _outputs = new(StringComparer.Ordinal);
    readonly UpstreamPlaceholders _placeholders = new();

    HelloClosure()
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Vectors.Find(Folder + "/hello-ca-recursive-unresolved-aterm.json")));
        foreach (var property in document.RootElement.EnumerateObject())
        {
            var aterm = Encoding.UTF8.GetBytes(property.Value.GetString()!);
            Aterms.Add(StorePath.Parse(property.Name), aterm);
        }
        var pool = new StorePathPool(StorePath.DefaultStoreDir);
        foreach (var (path, aterm) in Aterms)
        {
            if (!Derivation.TryParse(aterm, StorePath.DefaultStoreDir, out var derivation, out var problem, pool))
            {
                throw new FormatException($"{path}: {problem}");
            }
            Derivations.Add(path, derivation);
        }
        foreach (var file in Directory.EnumerateFiles(Vectors.Find(Folder + "/traces")))
        {
            ReadTrace(Path.GetFileName(file), File.ReadAllBytes(file));
        }
    }

    public static HelloClosure Read() => new();

    public Dictionary<StorePath, byte[]> Aterms { get; } = [];

    public Dictionary<StorePath, Derivation> Derivations { get; } = [];

    /// <summary>Resolved derivations as the builders signed them, by file name.</summary>
    public Dictionary<string, byte[]> Preimages { get; } = new(StringComparer.Ordinal);

    /// <summary>Resolves a derivation and everything that it uses, by what the builders said. Floating ones have to be there.</summary>
    public ResolvedDerivation Resolve(StorePath path, Dictionary<StorePath, ResolvedDerivation> resolved)
    {
        if (resolved.TryGetValue(path, out var known))
        {
            return known;
        }
        var found = DerivationResolution.Resolve(
            Derivations[path],
            DerivationPaths.NameOf(path),
            (input, output) =>
                Derivations[input].Kind == DerivationKind.FixedOutput
                    ? Derivations[input].Output(output)!.Path
                    : _outputs[Resolve(input, resolved).Hash.ToString()][output],
            _placeholders
        );
        return resolved[path] = found!;
    }

    /// <summary>A derivation from the JSON that <c>nix derivation show</c> printed.</summary>
    public static DerivationParts Example(string name)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Vectors.Find($"{Folder}/example-drvs/{name}.drv")));
        var json = document.RootElement;
        return new DerivationParts
        {
            StoreDir = StorePath.DefaultStoreDir,
            Outputs = [.. json.GetProperty("outputs").EnumerateObject().Select(Output)],
            Inputs = Inputs(json),
            Sources = [.. json.GetProperty("inputSrcs").EnumerateArray().Select(path => StorePath.Parse(path.GetString()))],
            System = Bytes(json.GetProperty("system")),
            Builder = Bytes(json.GetProperty("builder")),
            Arguments = [.. json.GetProperty("args").EnumerateArray().Select(Bytes)],
            Environment =
            [
                .. json.GetProperty("env")
                    .EnumerateObject()
                    .Select(v => new EnvironmentVariable(Encoding.UTF8.GetBytes(v.Name), Bytes(v.Value))),
            ],
        };
    }

    /// <summary>Only the inputs, of an example that is only a part.</summary>
    public static ImmutableArray<DerivationInput> ExampleInputs(string name)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Vectors.Find($"{Folder}/example-drvs/{name}.drv")));
        return Inputs(document.RootElement);
    }

    static ImmutableArray<DerivationInput> Inputs(JsonElement json) => [.. json.GetProperty("inputDrvs").EnumerateObject().Select(Input)];

    static DerivationOutput Output(JsonProperty output)
    {
        var path = output.Value.TryGetProperty("path", out var text) ? StorePath.Parse(text.GetString()) : null;
        var algorithm = output.Value.TryGetProperty("hashAlgo", out text) ? text.GetString()! : "";
        var nar = output.Value.TryGetProperty("method", out text) && text.GetString() == "nar";
        return new DerivationOutput(output.Name, path, nar ? "r:" + algorithm : algorithm, "");
    }

    static DerivationInput Input(JsonProperty input) =>
        new(
            StorePath.Parse(input.Name),
            [.. input.Value.GetProperty("outputs").EnumerateArray().Select(name => name.GetString()!)],
            Dynamic: []
        );

    static ReadOnlyMemory<byte> Bytes(JsonElement text) => Encoding.UTF8.GetBytes(text.GetString()!);

    void ReadTrace(string hash, byte[] trace)
    {
        using var document = JsonDocument.Parse(trace);
        foreach (var signature in document.RootElement.GetProperty("signatures").EnumerateArray())
        {
            var payload = signature.GetString()!.Split('.')[1].Replace('-', '+').Replace('_', '/');
            using var claim = JsonDocument.Parse(Convert.FromBase64String(payload.PadRight((payload.Length + 3) / 4 * 4, '=')));
            var outputs = claim.RootElement.GetProperty("out").GetProperty("nix").EnumerateObject();
            _outputs[hash] = outputs.ToDictionary(o => o.Name, o => StorePath.Parse(o.Value.GetProperty("path").GetString()));
            var debug = claim.RootElement.GetProperty("in").GetProperty("debug");
            Preimages[hash] = Encoding.UTF8.GetBytes(debug.GetProperty("rdrv_aterm_ca_preimage").GetString()!);
        }
    }
}
