using System.Globalization;
using Quorate.Crypto.Notes;
using Quorate.Nix.Verification;

namespace Quorate.Sources.Configuration;

/// <summary><c>witnesses:</c> of a trust file: at the top by name, and of a builder's log who of them vouches for it.</summary>
public static partial class TraceTrustFile
{
    const int MaxWitnesses = 64;

    /// <summary>As in a node's configuration, <c>NAME: { key: … }</c>; nobody is asked here, so there are no addresses.</summary>
    static Dictionary<string, NoteVerifierKey> Witnesses(Section section)
    {
        var named = new Dictionary<string, NoteVerifierKey>(StringComparer.Ordinal);
        foreach (var entry in section.Map.Entries)
        {
            if (section.Child(entry.Key.Text) is not { } witness)
            {
                continue;
            }
            const string Form = "a witness's verifier key 'name+hash+base64' of type cosignature/v1";
            var text = witness.RequireScalar("key");
            witness.Finish();
            if (text is null || !witness.TryRead<NoteVerifierKey>(text, TryWitness, Form, out var key))
            {
                continue;
            }
            if (named.Values.Any(key.IsSameKey))
            {
                section.Errors.Add(text, "another witness has this public key; one witness under two names would count twice");
            }
            if (named.Count == MaxWitnesses)
            {
                section.Errors.Add(entry.Key, $"at most {MaxWitnesses} witnesses");
                break;
            }
            named[entry.Key.Text] = key;
        }
        return named;
    }

    /// <summary><c>{ require: 2, of: [alpha, beta, gamma] }</c>; groups do not nest here.</summary>
    static WitnessQuorum? Quorum(Section section, Dictionary<string, NoteVerifierKey> named)
    {
        var (list, required) = (section.Require("of"), section.RequireScalar("require"));
        var members = new List<NoteVerifierKey>();
        foreach (var item in section.List("of"))
        {
            if (section.AsScalar(item) is not { } scalar)
            {
                continue;
            }
            if (!named.TryGetValue(scalar.Text, out var key))
            {
                section.Errors.Add(
                    scalar,
                    $"unknown witness '{Section.Shown(scalar.Text)}'{(Nearest.Hint(scalar.Text, named.Keys) is { Length: > 0 } hint ? hint : "; define it under 'witnesses:'")}"
                );
            }
            else if (members.Contains(key))
            {
                section.Errors.Add(scalar, $"witness '{scalar.Text}' is named twice; it counts once");
            }
            else
            {
                members.Add(key);
            }
        }
        section.Finish();
        if (list is YamlList { Items.Count: 0 })
        {
            section.Errors.Add(list, "no witnesses are named, so nothing could ever be witnessed");
        }
        var most = list is YamlList { Items.Count: > 0 and var all } ? all : MaxWitnesses;
        if (
            required is null
            || !section.TryRead<int>(
                required,
                (text, out count) => TryCount(text, most, out count),
                $"a number from 1 to {most}",
                out var threshold
            )
        )
        {
            return null;
        }
        return new WitnessQuorum(threshold, members);
    }

    static bool TryCount(string text, int most, out int count)
    {
        count = 0;
        return text.Length is 1 or 2
            && text.All(char.IsAsciiDigit)
            && text[0] != '0'
            && (count = int.Parse(text, CultureInfo.InvariantCulture)) <= most;
    }

    static bool TryWitness(string text, out NoteVerifierKey key)
    {
        var ok = NoteVerifierKey.TryParse(text, out var parsed, out _) && parsed is { Key: not null, Type: NoteKeyType.Cosignature };
        key = parsed!;
        return ok;
    }
}
