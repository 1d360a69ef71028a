using Quorate.Crypto;
using Quorate.Sources.Configuration;

namespace Quorate.Node.Configuration.Binding;

/// <summary><c>builders:</c> and <c>traces:</c></summary>
static class BuilderBinding
{
    const int MostKeys = 64;

    const string KeyForm = "a public key with its name, like alice-1:base64, as in a key file for 'quorate nix sign'";

    public static void Builders(Section builders, BindingContext context)
    {
        foreach (var entry in builders.Map.Entries)
        {
            builders.Has(entry.Key.Text);
            if (
                !builders.TryRead<string>(entry.Key, Scalars.Name, Scalars.NameForm, out var name)
                || Section.From(entry.Value, context.Errors) is not { } section
            )
            {
                continue;
            }
            var keys = section.ListOf<(string Name, Ed25519PublicKey Key)>("claim_keys", Scalars.NamedKey, KeyForm);
            _ = section.Require("claim_keys");
            section.Finish();
            if (keys.Count > MostKeys)
            {
                context.Errors.Add(section.Map, $"at most {MostKeys} claim keys; a builder has few");
            }
            context.Builders[name] = new Placed<BuilderSection>(
                new BuilderSection(name, [.. keys.Take(MostKeys).Select(k => new ClaimKeySection(k.Name, k.Key))]),
                section.Map
            );
        }
    }

    public static TracesSection Traces(Section section, BindingContext context)
    {
        var mirrors = section.ListOf<string>("mirrors", Scalars.Name, Scalars.NameForm);
        section.Finish();
        var place = section.Find("mirrors") ?? section.Map;
        var known = context.Follow.Where(f => f.Value.Protocol == Core.Protocol.NixTrace).Select(f => f.Value.Name).ToList();
        foreach (var name in mirrors.Where(name => !known.Contains(name)))
        {
            context.Errors.Add(place, $"'{name}' is no followed log of protocol nix-trace{Nearest.Hint(name, known)}");
        }
        return new TracesSection([.. mirrors.Distinct(StringComparer.Ordinal)]);
    }
}
