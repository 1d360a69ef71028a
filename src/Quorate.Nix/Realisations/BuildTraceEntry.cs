using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using Quorate.Core.Json;
using Quorate.Crypto.Keys;

namespace Quorate.Nix.Realisations;

/// <summary>What Nix since 2.35 files a build under: a resolved derivation and the name of one of its outputs.</summary>
public sealed record BuildTraceKey(StorePath Derivation, string Output)
{
    const string Extension = ".doi";

    /// <summary>Where binary caches keep it, relative to the cache.</summary>
    public string CachePath => $"build-trace-v2/{Derivation.BaseName}/{Output}{Extension}";

    /// <summary>Checks the two names that a key is made of.</summary>
    /// <param name="derivation">Base name.</param>
    public static bool TryCreate(string storeDir, ReadOnlySpan<char> derivation, string output, [NotNullWhen(true)] out BuildTraceKey? key)
    {
        key =
            StorePath.TryFromBaseName(storeDir, derivation, out var path)
            && Derivations.DerivationPaths.TryNameOf(path, out _)
            && StorePath.IsName(output)
                ? new BuildTraceKey(path, output)
                : null;
        return key is not null;
    }

    /// <summary>Reads the two parts of <see cref="CachePath"/> after the folder.</summary>
    /// <param name="folder">Base name of the derivation.</param>
    /// <param name="fileName">Output's name and extension.</param>
    public static bool TryParse(string storeDir, string folder, string fileName, [NotNullWhen(true)] out BuildTraceKey? key)
    {
        key = null;
        return fileName.EndsWith(Extension, StringComparison.Ordinal)
            && TryCreate(storeDir, folder, fileName[..^Extension.Length], out key);
    }

    /// <summary>As Nix's command line writes it.</summary>
    public override string ToString() => $"{Derivation}^{Output}";
}

/// <summary>
/// What Nix since 2.35 says of one output that was built (entry version 3). Its signatures do not cover the store directory. Immutable.
/// </summary>
public sealed record BuildTraceEntry(BuildTraceKey Key, StorePath OutPath) : ISignedOutput
{
    /// <summary>Longest document that is looked at, in bytes.</summary>
    public const int MaxBytes = 1 << 20;

    /// <summary><c>NAME:BASE64</c> each, as received; not one of them has been checked.</summary>
    public ImmutableArray<string> Signatures { get; init; } = [];

    /// <summary>Reads a whole entry: <c>{"key":…,"value":…}</c>.</summary>
    public static bool TryParse(
        ReadOnlyMemory<byte> json,
        string storeDir,
        [NotNullWhen(true)] out BuildTraceEntry? entry,
        out string problem
    )
    {
        entry = null;
        if (!RealisationJson.TryParse(json, MaxBytes, out var document, out problem))
        {
            return false;
        }
        using (document)
        {
            var root = document.RootElement;
            if (!RealisationJson.HasOnly(root, ["key", "value"], out problem))
            {
                return false;
            }
            if (
                !root.TryMember("key"u8, out var keyMember)
                || !RealisationJson.HasOnly(keyMember, ["drvPath", "outputName"], out problem)
                || !keyMember.TryText("drvPath"u8, out var derivation)
                || !keyMember.TryText("outputName"u8, out var output)
                || !BuildTraceKey.TryCreate(storeDir, derivation, output, out var key)
            )
            {
                problem = "key is not the base name of a derivation and an output's name";
                return false;
            }
            problem = "value is missing";
            return root.TryMember("value"u8, out var value) && TryValue(key, value, storeDir, out entry, out problem);
        }
    }

    /// <summary>Reads a cache's file, which holds the value alone; the key is the file's place.</summary>
    public static bool TryParseValue(
        ReadOnlyMemory<byte> json,
        BuildTraceKey key,
        [NotNullWhen(true)] out BuildTraceEntry? entry,
        out string problem
    )
    {
        entry = null;
        if (!RealisationJson.TryParse(json, MaxBytes, out var document, out problem))
        {
            return false;
        }
        using (document)
        {
            return TryValue(key, document.RootElement, key.Derivation.StoreDir, out entry, out problem);
        }
    }

    /// <summary>What signatures cover: compact JSON with sorted members. Nothing in it ever needs an escape.</summary>
    public string Fingerprint() => $$$"""{"key":{{{KeyJson()}}},"value":{"outPath":"{{{OutPath.BaseName}}}"}}""";

    /// <summary>The whole entry, compact.</summary>
    public string ToJson() => $$"""{"key":{{KeyJson()}},"value":{{ToValueJson()}}}""";

    /// <summary>A cache's file.</summary>
    public string ToValueJson() => $$"""{"outPath":"{{OutPath.BaseName}}","signatures":{{RealisationJson.SignatureObjects(Signatures)}}}""";

    /// <summary>With one more signature.</summary>
    public BuildTraceEntry SignedBy(NixCacheSecretKey key) =>
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

    public bool Equals(BuildTraceEntry? other) => other is not null && OutPath == other.OutPath && ToJson() == other.ToJson();

    public override int GetHashCode() => HashCode.Combine(Key, OutPath);

    string KeyJson() => $$"""{"drvPath":"{{Key.Derivation.BaseName}}","outputName":"{{Key.Output}}"}""";

    static bool TryValue(
        BuildTraceKey key,
        JsonElement value,
        string storeDir,
        [NotNullWhen(true)] out BuildTraceEntry? entry,
        out string problem
    )
    {
        entry = null;
        if (!RealisationJson.HasOnly(value, ["outPath", "signatures"], out problem))
        {
            return false;
        }
        if (!RealisationJson.TryPath(value, "outPath"u8, storeDir, out var path))
        {
            problem = "outPath is missing or not a base name";
            return false;
        }
        if (!RealisationJson.TrySignatures(value, out var signatures, out problem))
        {
            return false;
        }
        entry = new BuildTraceEntry(key, path) { Signatures = signatures };
        return true;
    }
}
