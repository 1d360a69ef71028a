using System.Collections.Immutable;
using System.Text;
using Quorate.Nix.Derivations;

namespace Quorate.Nix.Synthetic;

/// <summary>
/// An input-addressed derivation in which every input is named by its content: no input derivations, the views of the outputs that it uses among
/// its sources, and the views in place of the original paths everywhere. Not a derivation that Nix would build; only its hash matters.
/// </summary>
/// <param name="Path">The text path of the bytes; its hash part is the resolved input hash.</param>
/// <param name="Sources">Sorted.</param>
public sealed record SyntheticDerivation(ReadOnlyMemory<byte> AtermBytes, StorePath Path, ImmutableArray<StorePath> Sources)
{
    public ResolvedInputHash Hash => ResolvedInputHash.Of(Path);
}

/// <summary>What an input-addressed derivation is called in claims of the synthetic regime.</summary>
public static class SyntheticResolution
{
    /// <summary>
    /// Resolves for the bundle profile: placeholders stand for the derivation's own outputs, so that the hash follows from the inputs alone.
    /// </summary>
    /// <param name="name">Of the derivation, without extension.</param>
    /// <param name="view">
    /// Original and view of an output of an input derivation; null where none is known. A fixed output is its own view.
    /// </param>
    /// <returns>Null where <paramref name="view"/> gave null for a used output.</returns>
    /// <exception cref="ArgumentException">Not an input-addressed derivation.</exception>
    /// <exception cref="FormatException">The name cannot be part of a path.</exception>
    public static SyntheticDerivation? WithPlaceholders(
        Derivation derivation,
        string name,
        Func<StorePath, string, SyntheticObject?> view
    ) => Resolve(derivation, name, view, output => Placeholders.Own(output.Name));

    /// <summary>Resolves as laut's JWS version 3 does: the views stand for the derivation's own outputs, so all of them must exist.</summary>
    /// <param name="own">The view of each output of the derivation itself.</param>
    /// <inheritdoc cref="WithPlaceholders"/>
    public static SyntheticDerivation? WithOwnPaths(
        Derivation derivation,
        string name,
        Func<StorePath, string, SyntheticObject?> view,
        IReadOnlyDictionary<string, SyntheticObject> own
    ) => Resolve(derivation, name, view, output => Encoding.ASCII.GetBytes(own[output.Name].Path.ToString()));

    static SyntheticDerivation? Resolve(
        Derivation derivation,
        string name,
        Func<StorePath, string, SyntheticObject?> view,
        Func<DerivationOutput, byte[]> ownText
    )
    {
        if (derivation.Kind != DerivationKind.InputAddressed || derivation.HasDynamicInputs)
        {
            throw new ArgumentException("not an input-addressed derivation", nameof(derivation));
        }
        var rewrites = new Dictionary<string, (byte[] Path, byte[] Text)>(StringComparer.Ordinal);
        var sources = new SortedSet<StorePath>(derivation.Sources);
        foreach (var input in derivation.Inputs)
        {
            foreach (var output in input.Outputs)
            {
                if (view(input.Derivation, output) is not { } seen)
                {
                    return null;
                }
                sources.Add(seen.Path);
                Rewrite(seen.Original, Encoding.ASCII.GetBytes(seen.Path.ToString()));
            }
        }
        foreach (var output in derivation.Outputs)
        {
            Rewrite(output.Path!, ownText(output));
        }
        var parts = DerivationParts.Of(derivation) with { Inputs = [], Sources = [.. sources] };
        using var printed = new AtermWriter(derivation.AtermBytes.Length + 128 * (sources.Count + 1));
        DerivationPrinter.Print(parts, printed);
        using var text = new AtermWriter(printed.Written.Length + 1024);
        Replace(printed.Written, derivation.StoreDir, rewrites, text);
        var sorted = ImmutableArray.CreateRange(sources);
        var path = DerivationPaths.Of(text.Written, [], sorted, derivation.StoreDir, name);
        return new SyntheticDerivation(text.ToArray(), path, sorted);

        void Rewrite(StorePath original, byte[] replacement) =>
            rewrites[original.HashPart] = (Encoding.ASCII.GetBytes(original.ToString()), replacement);
    }

    /// <summary>
    /// Replaces paths in printed text, all in one pass. A path has no character that printing escapes, so it stands there as it is, be it in an
    /// output, an argument, the environment or JSON inside it.
    /// </summary>
    static void Replace(ReadOnlySpan<byte> from, string storeDir, Dictionary<string, (byte[] Path, byte[] Text)> rewrites, AtermWriter to)
    {
        var prefix = Encoding.ASCII.GetBytes(storeDir + "/");
        var byHash = rewrites.GetAlternateLookup<ReadOnlySpan<char>>();
        Span<char> hash = stackalloc char[StorePath.HashPartLength];
        for (var at = 0; ; )
        {
            var next = from[at..].IndexOf(prefix);
            if (next < 0 || from.Length - at - next < prefix.Length + hash.Length)
            {
                to.Raw(from);
                return;
            }
            at += next;
            Encoding.Latin1.GetChars(from.Slice(at + prefix.Length, hash.Length), hash);
            if (byHash.TryGetValue(hash, out var rewrite) && from[at..].StartsWith(rewrite.Path))
            {
                to.Raw(from[..at]);
                to.Raw(rewrite.Text);
                from = from[(at + rewrite.Path.Length)..];
                at = 0;
            }
            else
            {
                at += prefix.Length;
            }
        }
    }
}
