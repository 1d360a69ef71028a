using System.Collections.Immutable;
using System.Text;
using Quorate.Core;

namespace Quorate.Nix.Derivations;

/// <summary>Writes ATerms.</summary>
static class DerivationPrinter
{
    public static void Print(DerivationParts parts, AtermWriter text)
    {
        var dynamic = parts.Inputs.Any(input => !input.Dynamic.IsEmpty);
        text.Raw(dynamic ? "DrvWithVersion(\"xp-dyn-drv\","u8 : "Derive("u8);
        Outputs(parts.Outputs, mask: false, text);
        text.Raw(",["u8);
        var first = true;
        foreach (var input in parts.Inputs.OrderBy(input => input.Derivation))
        {
            Separate(ref first, text);
            text.Raw("("u8);
            text.Quoted(input.Derivation);
            Node(input.Outputs, input.Dynamic, text);
            text.Raw(")"u8);
        }
        text.Raw("],"u8);
        Paths(parts.Sources.Order(), text);
        text.Raw(","u8);
        text.Quoted(parts.System.Span);
        text.Raw(","u8);
        text.Escaped(parts.Builder.Span);
        text.Raw(",["u8);
        first = true;
        foreach (var argument in parts.Arguments)
        {
            Separate(ref first, text);
            text.Escaped(argument.Span);
        }
        text.Raw("],"u8);
        Environment(Sorted(parts.Environment), default, text);
        text.Raw(")"u8);
    }

    /// <summary>The text that a modulo hash is the hash of: inputs stand under their hashes.</summary>
    /// <param name="mask">Whether the outputs' paths, and the variables named after outputs, are blanked.</param>
    public static void Modulo(Derivation derivation, SortedDictionary<Sha256Digest, SortedSet<string>> inputs, bool mask, AtermWriter text)
    {
        var aterm = derivation.AtermBytes.Span;
        var at = derivation.Sections;
        text.Raw(aterm[..at.Outputs]);
        Outputs(derivation.Outputs, mask, text);
        text.Raw(",["u8);
        var first = true;
        foreach (var (hash, outputs) in inputs)
        {
            Separate(ref first, text);
            text.Raw("(\""u8);
            text.Hex(hash);
            text.Raw("\""u8);
            text.Raw(","u8);
            Names(outputs, text);
            text.Raw(")"u8);
        }
        text.Raw("],"u8);
        if (!mask)
        {
            text.Raw(aterm[at.Sources..]);
            return;
        }
        text.Raw(aterm[at.Sources..at.Environment]);
        Environment(derivation.Environment, derivation.Outputs, text);
        text.Raw(")"u8);
    }

    public static void Paths(IEnumerable<StorePath> paths, AtermWriter text)
    {
        text.Raw("["u8);
        var first = true;
        foreach (var path in paths)
        {
            Separate(ref first, text);
            text.Quoted(path);
        }
        text.Raw("]"u8);
    }

    public static IEnumerable<EnvironmentVariable> Sorted(IEnumerable<EnvironmentVariable> variables) =>
        variables.Order(Comparer<EnvironmentVariable>.Create((left, right) => left.Name.Span.SequenceCompareTo(right.Name.Span)));

    static void Outputs(ImmutableArray<DerivationOutput> outputs, bool mask, AtermWriter text)
    {
        text.Raw("["u8);
        var first = true;
        foreach (var output in outputs.OrderBy(output => output.Name, StringComparer.Ordinal))
        {
            Separate(ref first, text);
            text.Raw("("u8);
            text.Quoted(output.Name);
            text.Raw(","u8);
            text.Quoted(mask || output.Path is null ? "" : output.Path.ToString());
            text.Raw(","u8);
            text.Quoted(output.HashAlgorithm);
            text.Raw(","u8);
            text.Quoted(output.Hash);
            text.Raw(")"u8);
        }
        text.Raw("]"u8);
    }

    static void Node(ImmutableArray<string> outputs, ImmutableArray<DynamicInput> dynamic, AtermWriter text)
    {
        text.Raw(","u8);
        if (dynamic.IsEmpty)
        {
            Names(outputs.Order(StringComparer.Ordinal), text);
            return;
        }
        text.Raw("("u8);
        Names(outputs.Order(StringComparer.Ordinal), text);
        text.Raw(",["u8);
        var first = true;
        foreach (var inner in dynamic.OrderBy(inner => inner.Output, StringComparer.Ordinal))
        {
            Separate(ref first, text);
            text.Raw("("u8);
            text.Quoted(inner.Output);
            Node(inner.Outputs, inner.Dynamic, text);
            text.Raw(")"u8);
        }
        text.Raw("])"u8);
    }

    static void Names(IEnumerable<string> names, AtermWriter text)
    {
        text.Raw("["u8);
        var first = true;
        foreach (var name in names)
        {
            Separate(ref first, text);
            text.Quoted(name);
        }
        text.Raw("]"u8);
    }

    /// <param name="blanked">Outputs whose variables are printed empty; default for none.</param>
    static void Environment(IEnumerable<EnvironmentVariable> variables, ImmutableArray<DerivationOutput> blanked, AtermWriter text)
    {
        text.Raw("["u8);
        var first = true;
        foreach (var variable in variables)
        {
            Separate(ref first, text);
            var blank = !blanked.IsDefault && blanked.Any(output => Ascii.Equals(variable.Name.Span, output.Name));
            text.Raw("("u8);
            text.Escaped(variable.Name.Span);
            text.Raw(","u8);
            text.Escaped(blank ? default : variable.Value.Span);
            text.Raw(")"u8);
        }
        text.Raw("]"u8);
    }

    static void Separate(ref bool first, AtermWriter text)
    {
        if (!first)
        {
            text.Raw(","u8);
        }
        first = false;
    }
}
