using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using Quorate.Core;
using Quorate.Core.Json;
using Quorate.Crypto.Keys;

namespace Quorate.Nix.Realisations;

/// <summary>
/// What Nix up to 2.34 says of one output that was built: identifier, path, and in older versions the realisations that the build used.
/// Immutable.
/// </summary>
public sealed record Realisation(DrvOutputId Id, StorePath OutPath) : ISignedOutput
{
    /// <summary>Longest document that is looked at, in bytes.</summary>
    public const int MaxBytes = 4 << 20;

    /// <summary>Base names by identifier: what the build used (Nix up to 2.26); covered by the signatures, and used for nothing else.</summary>
    public ImmutableSortedDictionary<DrvOutputId, StorePath> Dependencies { get; init; } =
        ImmutableSortedDictionary<DrvOutputId, StorePath>.Empty;

    /// <summary><c>NAME:BASE64</c> each, as received; not one of them has been checked.</summary>
    public ImmutableArray<string> Signatures { get; init; } = [];

    /// <summary>Reads strict JSON with exactly the members that Nix writes.</summary>
    /// <param name="storeDir">Paths are given by their base names.</param>
    public static bool TryParse(
        ReadOnlyMemory<byte> json,
        string storeDir,
        [NotNullWhen(true)] out Realisation? realisation,
        out string problem
    )
    {
        realisation = null;
        if (!RealisationJson.TryParse(json, MaxBytes, out var document, out problem))
        {
            return false;
        }
        using (document)
        {
            var root = document.RootElement;
            if (!RealisationJson.HasOnly(root, ["dependentRealisations", "id", "outPath", "signatures"], out problem))
            {
                return false;
            }
            if (!root.TryText("id"u8, out var idText) || !DrvOutputId.TryParse(idText, out var id))
            {
                problem = "id is missing or not of the form sha256:HEX!OUTPUT";
                return false;
            }
            if (!RealisationJson.TryPath(root, "outPath"u8, storeDir, out var path))
            {
                problem = "outPath is missing or not a base name";
                return false;
            }
            if (!TryDependencies(root, storeDir, out var dependencies))
            {
                problem = "dependentRealisations is not an object of identifiers and base names";
                return false;
            }
            if (!RealisationJson.TrySignatures(root, out var signatures, out problem))
            {
                return false;
            }
            realisation = new Realisation(id, path) { Dependencies = dependencies, Signatures = signatures };
            return true;
        }
    }

    /// <exception cref="MalformedException">Not a realisation of this store directory.</exception>
    public static Realisation Parse(ReadOnlyMemory<byte> json, string storeDir) =>
        TryParse(json, storeDir, out var realisation, out var problem) ? realisation : throw new MalformedException(problem);

    /// <summary>What signatures cover: compact JSON with sorted members, without the signatures. Nothing in it ever needs an escape.</summary>
    public string Fingerprint() => $$"""{"dependentRealisations":{{DependenciesJson()}},"id":"{{Id}}","outPath":"{{OutPath.BaseName}}"}""";

    /// <summary>The document, as Nix up to 2.34 writes it into caches.</summary>
    public string ToJson() =>
        $$"""{"dependentRealisations":{{DependenciesJson()}},"id":"{{Id}}","outPath":"{{OutPath.BaseName}}","signatures":{{RealisationJson.SignatureTexts(Signatures)}}}""";

    /// <summary>With one more signature.</summary>
    public Realisation SignedBy(NixCacheSecretKey key) =>
        this with
        {
            Signatures = Signatures.Add(key.Sign(Encoding.ASCII.GetBytes(Fingerprint()))),
        };

    /// <summary>True when one of the signatures carries the key's name and verifies under the key.</summary>
    public bool IsSignedBy(NixCachePublicKey key)
    {
        var message = Encoding.ASCII.GetBytes(Fingerprint());
        return Signatures.Any(signature => key.Verify(message, signature));
    }

    public bool Equals(Realisation? other) => other is not null && OutPath == other.OutPath && ToJson() == other.ToJson();

    public override int GetHashCode() => HashCode.Combine(Id, OutPath);

    string DependenciesJson() => $"{{{string.Join(',', Dependencies.Select(entry => $"\"{entry.Key}\":\"{entry.Value.BaseName}\""))}}}";

    static bool TryDependencies(JsonElement root, string storeDir, out ImmutableSortedDictionary<DrvOutputId, StorePath> dependencies)
    {
        dependencies = ImmutableSortedDictionary<DrvOutputId, StorePath>.Empty;
        if (!root.TryMember("dependentRealisations"u8, out var members))
        {
            return true;
        }
        if (members.ValueKind != JsonValueKind.Object)
        {
            return false;
        }
        var builder = dependencies.ToBuilder();
        foreach (var member in members.EnumerateObject())
        {
            if (
                !DrvOutputId.TryParse(member.Name, out var id)
                || !member.Value.TryText(out var baseName)
                || !StorePath.TryFromBaseName(storeDir, baseName, out var path)
            )
            {
                return false;
            }
            builder.Add(id, path);
        }
        dependencies = builder.ToImmutable();
        return true;
    }
}
