using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using Quorate.Core;
using Quorate.Core.Encodings;

namespace Quorate.Nix.Derivations;

/// <summary>The paths of derivations and of the outputs whose path follows from the derivation.</summary>
public static class DerivationPaths
{
    /// <summary>How the name of every derivation's path ends.</summary>
    public const string Extension = ".drv";

    /// <summary>Name of the derivation at a path: without <see cref="Extension"/>. False where the path is not a derivation's.</summary>
    public static bool TryNameOf(StorePath derivation, [NotNullWhen(true)] out string? name)
    {
        var ok =
            derivation.BaseName.EndsWith(Extension, StringComparison.Ordinal)
            && derivation.BaseName.Length > StorePath.HashPartLength + 1 + Extension.Length;
        name = ok ? derivation.BaseName[(StorePath.HashPartLength + 1)..^Extension.Length] : null;
        return ok;
    }

    /// <exception cref="ArgumentException">Not the path of a derivation.</exception>
    public static string NameOf(StorePath derivation) =>
        TryNameOf(derivation, out var name)
            ? name
            : throw new ArgumentException($"{derivation} is not the path of a derivation", nameof(derivation));

    /// <summary>Name of an output's path: the derivation's for <c>out</c>, else with the output's name appended.</summary>
    public static string OutputPathName(string derivationName, string output) =>
        output == "out" ? derivationName : $"{derivationName}-{output}";

    /// <summary>The path that the derivation has in the store: a text object that refers to all inputs.</summary>
    /// <param name="name">Of the derivation, without extension.</param>
    /// <exception cref="FormatException">The name cannot be part of a path.</exception>
    public static StorePath Of(Derivation derivation, string name) =>
        Of(derivation.AtermBytes.Span, derivation.Inputs, derivation.Sources, derivation.StoreDir, name);

    /// <summary>Whether <paramref name="path"/> is the path of <paramref name="derivation"/>.</summary>
    public static bool IsPathOf(StorePath path, Derivation derivation) =>
        TryNameOf(path, out var name) && path.StoreDir == derivation.StoreDir && Of(derivation, name) == path;

    /// <summary>Path of a fixed output, which follows from what is stated about its content.</summary>
    /// <param name="name">Of the derivation.</param>
    /// <exception cref="FormatException">The name cannot be part of a path.</exception>
    public static StorePath FixedOutput(DerivationOutput output, string storeDir, string name)
    {
        if (output.Kind != DerivationKind.FixedOutput)
        {
            throw new ArgumentException("not a fixed output", nameof(output));
        }
        var hash = Hex.TryDecode(output.Hash, ContentAlgorithm.MaxSize, out var bytes) ? bytes : throw new FormatException("not a hash");
        var address = new ContentAddress(output.Method, output.Algorithm, hash);
        return ContentAddressing.PathOf(address, [], selfReference: false, storeDir, OutputPathName(name, output.Name));
    }

    /// <summary>Path of an input-addressed output.</summary>
    /// <param name="masked">Hash of the derivation with its own outputs blanked: <see cref="ModuloHashes.TryMasked"/>.</param>
    /// <param name="name">Of the derivation.</param>
    /// <exception cref="FormatException">The name cannot be part of a path.</exception>
    public static StorePath InputAddressed(string output, Sha256Digest masked, string storeDir, string name) =>
        ContentAddressing.MakePath($"output:{output}", masked, storeDir, OutputPathName(name, output));

    /// <summary>
    /// Whether the paths that a derivation states for its outputs are those that follow from it. True where it states none. Never throws
    /// for foreign derivations.
    /// </summary>
    /// <param name="hashes">Over the closure of the derivation; only asked for input-addressed ones.</param>
    /// <param name="problem">Which path is wrong, or what is missing to tell.</param>
    public static bool AreOutputPathsRight(Derivation derivation, string name, ModuloHashes hashes, out string problem)
    {
        problem = "";
        if (derivation.Outputs.FirstOrDefault(output => !StorePath.IsName(OutputPathName(name, output.Name))) is { } unnameable)
        {
            problem = $"{name} and output {unnameable.Name} do not make a path's name";
            return false;
        }
        var wrong = default(DerivationOutput);
        switch (derivation.Kind)
        {
            case DerivationKind.FixedOutput:
                wrong = derivation.Outputs.FirstOrDefault(output => FixedOutput(output, derivation.StoreDir, name) != output.Path);
                break;
            case DerivationKind.InputAddressed:
                if (!hashes.TryMasked(derivation, name, out var masked, out problem))
                {
                    return false;
                }
                if (masked.IsDeferred)
                {
                    problem = "an input-addressed derivation states paths although an input of it is content-addressed";
                    return false;
                }
                wrong = derivation.Outputs.FirstOrDefault(output =>
                    InputAddressed(output.Name, masked.Digest, derivation.StoreDir, name) != output.Path
                );
                break;
            default:
                break;
        }
        problem = wrong is null ? "" : $"the stated path of output {wrong.Name} does not follow from the derivation";
        return wrong is null;
    }

    internal static StorePath Of(
        ReadOnlySpan<byte> aterm,
        ImmutableArray<DerivationInput> inputs,
        ImmutableArray<StorePath> sources,
        string storeDir,
        string name
    )
    {
        // The same text as ContentAddressing.Text makes, without a string per reference: this runs for every derivation of a closure.
        using var fingerprint = new AtermWriter(256 + 80 * (inputs.Length + sources.Length));
        fingerprint.Raw("text"u8);
        var (i, s) = (0, 0);
        while (i < inputs.Length || s < sources.Length)
        {
            var order =
                i == inputs.Length ? 1
                : s == sources.Length ? -1
                : inputs[i].Derivation.CompareTo(sources[s]);
            fingerprint.Raw(":"u8);
            fingerprint.Path(order <= 0 ? inputs[i].Derivation : sources[s]);
            i += order <= 0 ? 1 : 0;
            s += order >= 0 ? 1 : 0;
        }
        fingerprint.Raw(":sha256:"u8);
        fingerprint.Hex(Sha256Digest.HashData(aterm));
        fingerprint.Raw(":"u8);
        fingerprint.Raw(storeDir);
        fingerprint.Raw(":"u8);
        fingerprint.Raw(name);
        fingerprint.Raw(Extension);
        return ContentAddressing.FromFingerprint(fingerprint.Hash(), storeDir, name + Extension);
    }
}
