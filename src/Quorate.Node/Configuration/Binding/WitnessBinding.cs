using Quorate.Crypto.Notes;
using Quorate.Log.Tiles;
using Quorate.Log.Witnessing;
using Quorate.Sources.Configuration;

namespace Quorate.Node.Configuration.Binding;

/// <summary><c>witnesses:</c>, at the top and of a log, and <c>witness:</c></summary>
static class WitnessBinding
{
    /// <summary>As many as a policy must be able to name (C2SP tlog-policy asks for 32).</summary>
    const int Most = 64;

    const int DeepestGroup = 4;

    public static void Witnesses(Section witnesses, BindingContext context)
    {
        foreach (var entry in witnesses.Map.Entries)
        {
            witnesses.Has(entry.Key.Text);
            if (
                !witnesses.TryRead<string>(entry.Key, Scalars.Name, Scalars.NameForm, out var name)
                || Section.From(entry.Value, context.Errors) is not { } section
            )
            {
                continue;
            }
            NoteVerifierKey? key = null;
            if (
                section.RequireScalar("key") is { } text
                && section.TryRead<NoteVerifierKey>(text, WitnessKey, WitnessKeyForm, out var parsed)
            )
            {
                key = parsed;
            }
            var url = section.Value<Uri?>("url", null, Scalars.Remote!, Scalars.RemoteForm);
            var monitor = section.Value("monitor", url, Scalars.Remote!, Scalars.RemoteForm);
            section.Finish();
            if (key is null)
            {
                continue;
            }
            var same = context.Witnesses.Values.FirstOrDefault(w => w.Value.Key.IsSameKey(key));
            if (same is not null)
            {
                context.Errors.Add(
                    section.Map,
                    $"{same.Map.Path} already has this public key; one witness under two names would count twice"
                );
            }
            if (context.Witnesses.Count == Most)
            {
                context.Errors.Add(section.Map, $"at most {Most} witnesses");
                break;
            }
            context.Witnesses[name] = new Placed<WitnessSection>(new WitnessSection(name, key, url, monitor), section.Map);
        }
    }

    public static WitnessRoleSection? Role(Section section, BindingContext context, GateSection? gate)
    {
        const string nameForm = "the name of the witness's key, like witness.example/w: no spaces, no '+', at most 255 bytes";
        var name =
            section.RequireScalar("name") is { } n && section.TryRead<string>(n, Scalars.Origin, nameForm, out var text) ? text : null;
        var signer = LogBinding.Signer(section.RequireScalar("signer"), context);
        var logs = section.ListOf<NoteVerifierKey>("logs", LogKey, "a log's verifier key 'origin+hash+base64', as /logs/ID/vkey shows it");
        if (section.Has("logs") ? section.Find("logs") is YamlList { Items.Count: 0 } : true)
        {
            context.Errors.Add(section.Map, "'logs' is missing: give the verifier key of each log to cosign for");
        }
        section.Finish();
        foreach (var group in logs.GroupBy(l => l.Name, StringComparer.Ordinal).Where(g => g.Count() > 1))
        {
            context.Errors.Add(section.Find("logs")!, $"the origin '{group.Key}' has two keys; a log has one");
        }
        if (signer is not null)
        {
            NotALogKey(section, signer, context);
            if (signer.Path.Length > 0 && signer.Path == gate?.SigningKey)
            {
                context.Errors.Add(section.Find("signer")!, "this is the key file of the gate; a witness needs a key of its own");
            }
        }
        return name is null || signer is null ? null : new WitnessRoleSection(name, signer, logs);
    }

    /// <summary>Of a log: <c>{ require: 2, of: [alpha, beta, { require: 1, of: [gamma, delta] }] }</c>.</summary>
    public static WitnessPolicySection? Policy(Section section, BindingContext context, bool isOwn)
    {
        var named = new List<WitnessSection>();
        var groups = new List<PolicyGroup>();
        var quorum = Group(section, context, named, groups, 0);
        var mode = isOwn
            ? section.Choice(
                "on_failure",
                UnwitnessedMode.Wait,
                ("wait", UnwitnessedMode.Wait),
                ("publish-unwitnessed", UnwitnessedMode.Publish)
            )
            : UnwitnessedMode.Wait;
        section.Finish();
        if (isOwn)
        {
            foreach (var silent in named.Where(w => w.Url is null))
            {
                context.Errors.Add(section.Map, $"witness '{silent.Name}' has no 'url', so it cannot be asked for cosignatures");
            }
        }
        return quorum is null
            ? null
            : new WitnessPolicySection(
                named,
                new TlogPolicy([], [.. named.Select(w => new PolicyWitness(w.Name, w.Key, w.Url?.OriginalString))], groups, quorum),
                mode
            );
    }

    static string? Group(Section section, BindingContext context, List<WitnessSection> named, List<PolicyGroup> groups, int depth)
    {
        var members = new List<string>();
        foreach (var item in section.List("of"))
        {
            var member = item is YamlMap map
                ? Nested(new Section(map, context.Errors), context, named, groups, depth)
                : Witness(section, item, context, named);
            if (member is not null)
            {
                members.Add(member);
            }
        }
        var (list, required) = (section.Require("of"), section.Require("require"));
        if (list is YamlList { Items.Count: 0 })
        {
            context.Errors.Add(list, "no witnesses are named, so nothing could ever be witnessed");
        }
        if (list is not YamlList { Items.Count: > 0 and var all } || required is null)
        {
            return null;
        }
        var threshold = NodeBinding.Whole(section, "require", 1, 1, all);
        // A name that no witness can have: groups come before whoever names them.
        var name = $"{groups.Count + 1} of this policy";
        groups.Add(new PolicyGroup(name, threshold, members));
        return members.Count == all ? name : null;
    }

    static string? Nested(Section section, BindingContext context, List<WitnessSection> named, List<PolicyGroup> groups, int depth)
    {
        if (depth == DeepestGroup)
        {
            context.Errors.Add(section.Map, $"groups of witnesses nest at most {DeepestGroup} deep");
            return null;
        }
        var group = Group(section, context, named, groups, depth + 1);
        section.Finish();
        return group;
    }

    static string? Witness(Section section, YamlNode item, BindingContext context, List<WitnessSection> named)
    {
        if (section.AsScalar(item) is not { } scalar)
        {
            return null;
        }
        if (!context.Witnesses.TryGetValue(scalar.Text, out var witness))
        {
            context.Errors.Add(
                scalar,
                $"unknown witness '{Section.Shown(scalar.Text)}'{(Nearest.Hint(scalar.Text, context.Witnesses.Keys) is { Length: > 0 } hint ? hint : "; define it under 'witnesses:'")}"
            );
            return null;
        }
        if (named.Contains(witness.Value))
        {
            context.Errors.Add(scalar, $"witness '{scalar.Text}' is named twice; it counts once");
            return null;
        }
        named.Add(witness.Value);
        return witness.Value.Name;
    }

    /// <summary>A cosignature does not name its cosigner, and a head does not name its log: each key has one use.</summary>
    static void NotALogKey(Section section, SignerSection signer, BindingContext context)
    {
        var place = section.Find("signer")!;
        var own = context.SignerKeys.GetValueOrDefault(signer.Name);
        foreach (var publish in context.Publish)
        {
            var log = publish.Value.Signer;
            var isSame =
                log.Path == signer.Path
                || (own is not null && (context.SignerKeys.GetValueOrDefault(log.Name) ?? publish.Value.Key)?.Equals(own) == true);
            if (isSame)
            {
                context.Errors.Add(
                    place,
                    $"this is the key of the log '{publish.Value.Name}' ({publish.Map.Path}); a witness needs a key of its own, make one with 'quorate key new'"
                );
            }
        }
        foreach (var follow in context.Follow.Where(f => own is not null && own.Equals(f.Value.Key)))
        {
            context.Errors.Add(
                place,
                $"this is the key of the log '{follow.Value.Name}' ({follow.Map.Path}); a witness needs a key of its own"
            );
        }
        foreach (var publish in context.Publish)
        {
            foreach (var witness in publish.Value.Witnesses?.Witnesses.Where(w => own is not null && own.Equals(w.Key.Key)) ?? [])
            {
                context.Errors.Add(
                    publish.At("witnesses"),
                    $"witness '{witness.Name}' is this node's own, which never counts for its own logs"
                );
            }
        }
    }

    const string WitnessKeyForm = "a witness's verifier key 'name+hash+base64' of type cosignature/v1";

    static bool WitnessKey(string text, out NoteVerifierKey value)
    {
        var ok = NoteVerifierKey.TryParse(text, out var key, out _) && key is { Key: not null, Type: NoteKeyType.Cosignature };
        value = key!;
        return ok;
    }

    static bool LogKey(string text, out NoteVerifierKey value)
    {
        var ok = NoteVerifierKey.TryParse(text, out var key, out _) && key is { Key: not null, Type: NoteKeyType.Ed25519 };
        value = key!;
        return ok;
    }
}
