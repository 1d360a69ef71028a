using System.Text;
using System.Text.Json;

namespace Quorate.Nix.Derivations;

/// <summary>
/// The form in which evaluating an expression writes a derivation. A masked modulo hash leaves out the name, the values of variables that are called like outputs, and
/// which derivations inputs of equal hashes are. Evaluating leaves no choice about these; but whoever may add derivations to a store can write down any other. Only among
/// derivations of this form does a hash stand for one.
/// </summary>
public static class EvaluatedForm
{
    /// <summary>What the derivation says it is called: the variable <c>name</c>, or that of the structured attributes. Null where it does not say.</summary>
    public static string? NameOf(Derivation derivation)
    {
        if (derivation.TryEnvironment("name"u8, out var name))
        {
            return Encoding.UTF8.GetString(name.Span);
        }
        if (!derivation.TryEnvironment("__json"u8, out var json))
        {
            return null;
        }
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 64 });
            return
                document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("name", out var value)
                && value.ValueKind == JsonValueKind.String
                ? value.GetString()
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Nix would not have written it: then there is no name either.
            return null;
        }
    }

    /// <summary>Whether a derivation has this form; its inputs are not looked into. Fixed outputs stand for their content, whatever else is written about them.</summary>
    /// <param name="name">Of the derivation.</param>
    public static bool IsOf(Derivation derivation, string name) =>
        derivation.Kind == DerivationKind.FixedOutput
        || (
            // The hash does not cover what is used of derivations that are themselves built.
            !derivation.HasDynamicInputs
            && NameOf(derivation) == name
            && derivation.Outputs.All(output =>
                Value(output) is { } expected
                && derivation.TryEnvironment(Encoding.ASCII.GetBytes(output.Name), out var value)
                && value.Span.SequenceEqual(expected)
            )
            && HasPlaceholdersOfInputsAlone(derivation)
        );

    /// <summary>What evaluating puts into the variable of an output, with structured attributes too; null where Nix's versions disagree about the hash.</summary>
    static byte[]? Value(DerivationOutput output) =>
        output.Kind switch
        {
            DerivationKind.Floating => Placeholders.Own(output.Name),
            DerivationKind.Deferred => [],
            DerivationKind.InputAddressed => Encoding.ASCII.GetBytes(output.Path!.ToString()),
            _ => null,
        };

    /// <summary>
    /// The hash has inputs under their own hashes, and placeholders as they are. One that belongs to no input would be replaced in the derivation that has this input, and stay
    /// in another that has one of the same hash instead.
    /// </summary>
    static bool HasPlaceholdersOfInputsAlone(Derivation derivation)
    {
        if (derivation.Inputs.IsEmpty)
        {
            // Then nothing is replaced.
            return true;
        }
        var known = new HashSet<string>(StringComparer.Ordinal);
        foreach (var output in derivation.Outputs)
        {
            known.Add(Encoding.ASCII.GetString(Placeholders.Own(output.Name)));
        }
        foreach (var input in derivation.Inputs)
        {
            foreach (var output in input.Outputs)
            {
                known.Add(Encoding.ASCII.GetString(Placeholders.Upstream(input.Derivation, output)));
            }
        }
        // A placeholder is printed without escapes.
        var text = derivation.AtermBytes.Span[derivation.Sections.Builder..];
        for (var at = Placeholders.IndexIn(text); at >= 0; at = Placeholders.IndexIn(text))
        {
            if (!known.Contains(Encoding.ASCII.GetString(text.Slice(at, Placeholders.Length))))
            {
                return false;
            }
            text = text[(at + Placeholders.Length)..];
        }
        return true;
    }
}
