using Quorate.Core;
using Quorate.Sources.Configuration;
using Quorate.Sources.Traces;

namespace Quorate.Node.Configuration.Binding;

/// <summary><c>trust:</c> and <c>gate:</c></summary>
static class TrustBinding
{
    public static Dictionary<string, TrustSection> Trust(Section trust, BindingContext context)
    {
        var models = new Dictionary<string, TrustSection>(StringComparer.Ordinal);
        foreach (var entry in trust.Map.Entries)
        {
            trust.Has(entry.Key.Text);
            if (context.ProtocolOf(entry.Key) is not { } protocol || Section.From(entry.Value, context.Errors) is not { } section)
            {
                continue;
            }
            if (protocol.MapRule.CountsAll)
            {
                context.Errors.Add(
                    entry.Key,
                    $"claims of protocol {protocol.Name} are not decided one by one; 'quorate nix verify' judges whole builds by a trust model of its own"
                );
                continue;
            }
            if (models.ContainsKey(protocol.Name))
            {
                context.Errors.Add(
                    entry.Key,
                    $"protocol {protocol.Name} already has a trust model (its name and its UUID are the same protocol)"
                );
                continue;
            }
            models[protocol.Name] = Model(section, protocol, context);
        }
        return models;
    }

    static TrustSection Model(Section section, Protocol protocol, BindingContext context)
    {
        if (CutRule(section) is { } rule)
        {
            return new TrustSection { Rule = rule };
        }
        var ruleText = section.Scalar("rule");
        var engines = section.List("engines").Select(e => Engine(e, context)).OfType<EngineSection>().ToList();
        var byMajority = section.Choice("on_contest", false, ("refuse", false), ("majority", true));
        section.Finish();
        if (section.Has("rule") == section.Has("engines"))
        {
            context.Errors.Add(
                section.Map,
                section.Has("rule")
                    ? "give either 'rule' or 'engines', not both"
                    : "give a 'rule' like \"2 of (alice, bob, carol)\", or 'engines'"
            );
        }
        else if (section.Has("engines") && section.Find("engines") is YamlList { Items.Count: 0 } empty)
        {
            context.Errors.Add(empty, "the chain of engines is empty, so nothing could ever be accepted");
        }
        if (context.BuildersOf(protocol).Count == 0)
        {
            context.Errors.Add(
                section.Map,
                $"no log of protocol {protocol.Name} is published or followed, so this model has nobody to count"
            );
        }
        return new TrustSection
        {
            Rule = ruleText is null
                ? null
                : new RuleText(ruleText.Text, ruleText.Place.Line, ruleText.Place.Column) { Plain = ruleText.Plain },
            Engines = engines,
            ContestedByMajority = byMajority,
        };
    }

    /// <summary>
    /// <c>{ rule: 3 of (alice, bob) }</c> is YAML for a rule "3 of (alice" and a key "bob)". The user meant something else; say what to do.
    /// </summary>
    static RuleText? CutRule(Section section)
    {
        var entry = section.Map.Entries.FirstOrDefault(e => e.Key.Text == "rule");
        if (!section.Map.Flow || entry?.Value is not YamlScalar { Plain: true } rule)
        {
            return null;
        }
        var opened = rule.Text.Count(c => c == '(') - rule.Text.Count(c => c == ')');
        if (opened <= 0)
        {
            return null;
        }
        var pieces = section.Map.Entries.SkipWhile(e => e != entry).Skip(1).TakeWhile(e => e.Value is YamlScalar { IsNull: true });
        var whole = string.Join(", ", pieces.Select(e => e.Key.Text).Prepend(rule.Text));
        section.Errors.Add(
            rule,
            $"inside {{ }} a comma ends the value, so the rule was cut; put it in quotes: rule: \"{Section.Shown(whole)}\""
        );
        return new RuleText(whole, rule.Place.Line, rule.Place.Column);
    }

    static EngineSection? Engine(YamlNode node, BindingContext context)
    {
        if (Section.From(node, context.Errors) is not { } section)
        {
            return null;
        }
        var kind = section.Has("engine")
            ? section.Choice("engine", "", ("percentage", "percentage"), ("logid", "logid"), ("javascript", "javascript"))
            : section.RequireScalar("engine")?.Text ?? "";
        EngineSection? engine = null;
        switch (kind)
        {
            case "percentage":
                _ = section.Require("minimum");
                engine = new EngineSection.Percentage(NodeBinding.Whole(section, "minimum", 0, 0, 100));
                break;
            case "logid":
                if (
                    section.RequireScalar("id") is { } id
                    && section.TryRead<string>(id, LogIdText, "a log ID: 64 lowercase hexadecimal characters", out var text)
                )
                {
                    engine = new EngineSection.LogIdMatch(text);
                }
                break;
            case "javascript":
                if (section.RequireScalar("function") is { } function)
                {
                    engine = new EngineSection.JavaScript(function.Text);
                }
                break;
            default:
                return null;
        }
        section.Finish();
        return engine;
    }

    static bool LogIdText(string text, out string value)
    {
        value = text;
        return Log.LogId.TryParse(text, out _);
    }

    static GateTraceSection? GateTraces(Section section, BindingContext context)
    {
        var trust = section.RequireScalar("trust");
        var sources = section.ListOf<string>("sources", TraceSource, "http(s)://HOST[/PREFIX], file:///FOLDER or dir:FOLDER");
        var drvs = section.Scalar("drvs");
        section.Finish();
        return trust is null
            ? null
            : new GateTraceSection(
                context.FullPath(trust.Text),
                [.. sources.Select(source => Placed(source, context))],
                drvs is null ? null : context.FullPath(drvs.Text)
            );
    }

    static bool TraceSource(string text, out string source)
    {
        source = text;
        return TraceCacheAddress.TryParse(text, out _);
    }

    /// <summary>Folders are relative to the file, as everywhere in it.</summary>
    static string Placed(string source, BindingContext context)
    {
        const string folder = "dir:";
        return source.StartsWith(folder, StringComparison.Ordinal) ? folder + context.FullPath(source[folder.Length..]) : source;
    }

    public static GateSection? Gate(
        Section gate,
        BindingContext context,
        IReadOnlyDictionary<string, TrustSection> trust,
        NodeSection? node
    )
    {
        var section = gate.Child("nix");
        gate.Finish();
        if (section is null)
        {
            return null;
        }
        var listenText = section.RequireScalar("listen");
        ListenAddress? listen = null;
        if (listenText is not null && NodeBinding.TryAddress(section, listenText, context, out var address))
        {
            listen = address;
            if (address.EndPoint is null || address.Tls)
            {
                context.Errors.Add(listenText, "the gate listens on http://ADDRESS:PORT");
                listen = null;
            }
            else if (address.EndPoint.Port != 0 && node is not null && node.Listen.Append(node.Control).Contains(address.ToString()))
            {
                context.Errors.Add(listenText, "this address is already used by 'node:'; the gate needs its own port");
            }
        }
        var signingKey = section.RequireScalar("signing_key");
        var result = new GateSection
        {
            Listen = listen is null ? new Uri("http://127.0.0.1:0") : ListenUri(listen),
            SigningKey = signingKey is null ? "" : context.FullPath(signingKey.Text),
            Upstreams = section.ListOf<Uri>("upstreams", Scalars.CacheUrl, Scalars.CacheUrlForm),
            Mode = section.Choice("mode", GateMode.Enforce, ("enforce", GateMode.Enforce), ("report", GateMode.Report)),
            AcceptContentAddressed = section.Value("accept_content_addressed", false, Scalars.Boolean, Scalars.BooleanForm),
            StoreDir = section.Value("store_dir", "/nix/store", StoreDir, "an absolute path like /nix/store"),
            Priority = NodeBinding.Whole(section, "priority", 40, 1, 1000),
            Traces = section.Child("traces") is { } traces ? GateTraces(traces, context) : null,
        };
        section.Finish();
        if (!trust.ContainsKey(Protocol.Nix.Name))
        {
            context.Errors.Add(
                section.Map,
                "the gate needs a trust model to decide by: add trust.nix with a rule like \"2 of (alice, bob, carol)\""
            );
        }
        return listen is null || signingKey is null ? null : result;
    }

    static Uri ListenUri(ListenAddress address) => new($"http://{address.EndPoint}");

    static bool StoreDir(string text, out string value)
    {
        value = text;
        return text.Length is > 1 and <= 256 && text[0] == '/' && text[^1] != '/' && text.All(c => c is > ' ' and < (char)0x7f);
    }
}
