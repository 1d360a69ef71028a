using System.Runtime.InteropServices;
using System.Text;

namespace Quorate.Nix.Derivations;

/// <summary>
/// Resolution: puts, for every output that a derivation uses of others, the path of what was built in place of the promise. Two builders
/// that used the same content get the same resolved derivation, whatever it was built by.
/// </summary>
public static class DerivationResolution
{
    /// <summary>Whether Nix builds this derivation only after resolving it. It may also resolve fixed outputs, whose path does not change.</summary>
    public static bool IsNeeded(Derivation derivation) =>
        !derivation.Inputs.IsEmpty
        && (derivation.Kind is DerivationKind.Floating or DerivationKind.Deferred or DerivationKind.Impure || derivation.HasDynamicInputs);

    /// <summary>Resolves a derivation; one without inputs is itself already.</summary>
    /// <param name="name">Of the derivation, without extension.</param>
    /// <param name="realised">
    /// The path of an output of a derivation; null where none is chosen. Of an output that is a derivation the path is asked for first, and
    /// then with that path for what is used of it.
    /// </param>
    /// <param name="placeholders">Remembered ones of the closure.</param>
    /// <returns>Null where <paramref name="realised"/> gave null for a used output.</returns>
    /// <exception cref="ArgumentException">A realised path lies in another store directory, or is not a derivation's where one is used.</exception>
    /// <exception cref="FormatException">The name cannot be part of a path.</exception>
    public static ResolvedDerivation? Resolve(
        Derivation derivation,
        string name,
        Func<StorePath, string, StorePath?> realised,
        UpstreamPlaceholders? placeholders = null
    )
    {
        var rewrites = new PlaceholderRewrites(placeholders);
        var sources = new List<StorePath>(derivation.Sources.Length + derivation.Inputs.Length);
        sources.AddRange(derivation.Sources);
        foreach (var input in derivation.Inputs)
        {
            foreach (var output in input.Outputs)
            {
                if (Realised(derivation, input.Derivation, output, realised) is not { } path)
                {
                    return null;
                }
                sources.Add(path);
                rewrites.Add(input.Derivation, output, path);
            }
            foreach (var dynamic in input.Dynamic)
            {
                var placeholder = Placeholders.Upstream(input.Derivation, dynamic.Output);
                if (!TryDynamic(derivation, input.Derivation, dynamic, placeholder, realised, sources, rewrites))
                {
                    return null;
                }
            }
        }
        SortOnce(sources);

        using var text = new AtermWriter(derivation.AtermBytes.Length + 128 * (sources.Count + 1));
        if (derivation.Sections.NamesHaveSlash)
        {
            PrintRenamed(derivation, sources, rewrites, text);
        }
        else
        {
            Print(derivation, sources, rewrites, text);
        }
        return derivation.Kind == DerivationKind.Deferred
            ? FillIn(Derivation.Parse(text.ToArray(), derivation.StoreDir), name)
            : new ResolvedDerivation(
                text.ToArray(),
                DerivationPaths.Of(
                    text.Written,
                    [],
                    ImmutableCollectionsMarshal.AsImmutableArray(sources.ToArray()),
                    derivation.StoreDir,
                    name
                )
            );
    }

    static StorePath? Realised(Derivation consumer, StorePath derivation, string output, Func<StorePath, string, StorePath?> realised)
    {
        var path = realised(derivation, output);
        return path is null || path.StoreDir == consumer.StoreDir
            ? path
            : throw new ArgumentException($"{path} is not in {consumer.StoreDir}", nameof(realised));
    }

    static bool TryDynamic(
        Derivation consumer,
        StorePath derivation,
        DynamicInput dynamic,
        byte[] placeholder,
        Func<StorePath, string, StorePath?> realised,
        List<StorePath> sources,
        PlaceholderRewrites rewrites
    )
    {
        if (Realised(consumer, derivation, dynamic.Output, realised) is not { } built)
        {
            return false;
        }
        if (!DerivationPaths.TryNameOf(built, out _))
        {
            throw new ArgumentException($"{built} is used as a derivation", nameof(realised));
        }
        foreach (var output in dynamic.Outputs)
        {
            if (Realised(consumer, built, output, realised) is not { } path)
            {
                return false;
            }
            sources.Add(path);
            rewrites.Add(Placeholders.Computed(placeholder, output), path);
        }
        return dynamic.Dynamic.All(inner =>
            TryDynamic(consumer, built, inner, Placeholders.Computed(placeholder, inner.Output), realised, sources, rewrites)
        );
    }

    static void SortOnce(List<StorePath> paths)
    {
        paths.Sort();
        var kept = 0;
        foreach (var path in CollectionsMarshal.AsSpan(paths))
        {
            if (kept == 0 || paths[kept - 1] != path)
            {
                paths[kept++] = path;
            }
        }
        paths.RemoveRange(kept, paths.Count - kept);
    }

    /// <summary>
    /// The resolved text by copying. A placeholder and a path print without escapes, so replacing them in the printed builder, arguments
    /// and values gives what printing the replaced texts would.
    /// </summary>
    static void Print(Derivation derivation, List<StorePath> sources, PlaceholderRewrites rewrites, AtermWriter text)
    {
        var aterm = derivation.AtermBytes.Span;
        var at = derivation.Sections;
        text.Raw("Derive("u8);
        text.Raw(aterm[at.Outputs..at.Inputs]);
        text.Raw("[],"u8);
        DerivationPrinter.Paths(sources, text);
        text.Raw(","u8);
        text.Raw(aterm[at.System..at.Builder]);
        rewrites.Apply(aterm[at.Builder..], text);
    }

    /// <summary>A placeholder may be in a variable's name, which can change the order: then everything is printed anew.</summary>
    static void PrintRenamed(Derivation derivation, List<StorePath> sources, PlaceholderRewrites rewrites, AtermWriter text)
    {
        var environment = new List<EnvironmentVariable>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var variable in derivation.Environment)
        {
            var name = rewrites.Apply(variable.Name);
            // Where two names become one, Nix keeps the first.
            if (names.Add(Encoding.Latin1.GetString(name.Span)))
            {
                environment.Add(new EnvironmentVariable(name, rewrites.Apply(variable.Value)));
            }
        }
        var parts = DerivationParts.Of(derivation) with
        {
            Inputs = [],
            Sources = [.. sources],
            Builder = rewrites.Apply(derivation.Builder),
            Arguments = [.. derivation.Arguments.Select(rewrites.Apply)],
            Environment = [.. environment],
        };
        DerivationPrinter.Print(parts, text);
    }

    /// <summary>Gives the outputs of a deferred derivation, whose inputs are all known by now, their input-addressed paths.</summary>
    static ResolvedDerivation FillIn(Derivation derivation, string name)
    {
        using var text = new AtermWriter(derivation.AtermBytes.Length);
        DerivationPrinter.Modulo(derivation, [], mask: true, text);
        var hash = text.Hash();
        var parts = DerivationParts.Of(derivation);
        foreach (var output in derivation.Outputs)
        {
            var path = DerivationPaths.InputAddressed(output.Name, hash, derivation.StoreDir, name);
            parts = parts.With(Encoding.ASCII.GetBytes(output.Name), Encoding.ASCII.GetBytes(path.ToString()));
            parts = parts with { Outputs = parts.Outputs.Replace(output, output with { Path = path }) };
        }
        return ResolvedDerivation.Of(parts.ToDerivation(), name);
    }
}
