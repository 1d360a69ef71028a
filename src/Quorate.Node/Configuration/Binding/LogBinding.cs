using Quorate.Crypto;
using Quorate.Sources.Configuration;

namespace Quorate.Node.Configuration.Binding;

/// <summary><c>signers:</c>, <c>publish:</c> and <c>follow:</c></summary>
static class LogBinding
{
    public static void Signers(Section signers, BindingContext context)
    {
        foreach (var entry in signers.Map.Entries)
        {
            signers.Has(entry.Key.Text);
            if (
                !signers.TryRead<string>(entry.Key, Scalars.Name, Scalars.NameForm, out var name)
                || Section.From(entry.Value, signers.Errors) is not { } section
            )
            {
                continue;
            }
            _ = section.Choice("type", "ed25519", ("ed25519", "ed25519"));
            var path = section.RequireScalar("path");
            section.Finish();
            // A signer with an error is still known, so that its uses do not become errors too.
            var signer = new SignerSection(name, path is null ? "" : context.FullPath(path.Text));
            context.Signers[name] = signer;
            if (path is null || context.KeyOfSigner is null)
            {
                continue;
            }
            try
            {
                context.SignerKeys[name] = context.KeyOfSigner(signer);
            }
            catch (Exception e)
                when (e
                        is IOException
                            or UnauthorizedAccessException
                            or FormatException
                            or System.Security.Cryptography.CryptographicException
                )
            {
                signers.Errors.Add(path, e.Message);
            }
        }
    }

    public static void Publish(YamlNode item, BindingContext context)
    {
        if (Section.From(item, context.Errors) is not { } section)
        {
            return;
        }
        var name = Name(section.RequireScalar("name"), section);
        var builder = section.Scalar("builder") is { } b ? Name(b, section) : name;
        var protocol = context.ProtocolOf(section.RequireScalar("protocol"));
        var signer = Signer(section.RequireScalar("signer"), context);
        var key = section.Value<Ed25519PublicKey?>("key", null, Scalars.Key!, Scalars.KeyForm);
        var meta = Meta(section);
        var divergence = section.Choice(
            "divergence",
            DivergenceMode.Append,
            ("append", DivergenceMode.Append),
            ("drop", DivergenceMode.Drop)
        );
        var claims = Claims(section);
        var origin = section.Value<string?>("origin", null, Scalars.Origin!, Scalars.OriginForm);
        var filter = section.Child("filter") is { } f ? Filter(f) : new PublishFilterSection();
        if (protocol == Core.Protocol.NixTrace && filter.DenyDeriver.Count + filter.DenyReferences.Count > 0)
        {
            context.Errors.Add(
                section.Find("filter")!,
                "claims of protocol nix-trace name neither derivers nor references; filter by 'allow' and 'deny', which see the names of the outputs"
            );
        }
        var storage = StorageBinding.Bind(section, context, context.Storage);
        var witnesses = section.Child("witnesses") is { } w ? WitnessBinding.Policy(w, context, isOwn: true) : null;
        section.Finish();
        if (protocol?.MapRule.CountsAll == true && section.Has("divergence"))
        {
            context.Errors.Add(
                section.Find("divergence")!,
                $"'divergence' means nothing in protocol {protocol.Name}, where all claims of a key count"
            );
        }
        if (name is null || builder is null || protocol is null || signer is null)
        {
            return;
        }
        var publish = new PublishSection
        {
            Name = name,
            Builder = builder,
            Protocol = protocol,
            Signer = signer,
            Key = key,
            Meta = meta,
            Divergence = divergence,
            Claims = claims,
            Origin = origin,
            Filter = filter,
            Storage = storage,
            Witnesses = witnesses,
        };
        context.Publish.Add(new Placed<PublishSection>(publish, section.Map));
    }

    public static void Follow(YamlNode item, BindingContext context)
    {
        if (Section.From(item, context.Errors) is not { } section)
        {
            return;
        }
        var defaults = new FollowSection
        {
            Name = "",
            Builder = "",
            Protocol = Core.Protocol.Nix,
        };
        var builder = Name(section.RequireScalar("builder"), section);
        var name = section.Scalar("name") is { } n ? Name(n, section) : builder;
        var protocol = context.ProtocolOf(section.RequireScalar("protocol"));
        var isCache = section.Has("cache");
        var url = isCache ? section.Value<Uri?>("cache", null, Scalars.CacheUrl!, Scalars.CacheUrlForm) : null;
        var keyText = section.RequireScalar("key");
        Ed25519PublicKey? key = null;
        CacheSection? cache = null;
        if (keyText is not null && isCache)
        {
            const string form = "the cache's public key as Nix writes it: name-1:base64";
            if (section.TryRead<(string Name, Ed25519PublicKey Key)>(keyText, Scalars.NamedKey, form, out var named) && url is not null)
            {
                cache = new CacheSection(url, named.Name, named.Key);
            }
        }
        else if (keyText is not null)
        {
            key = section.TryRead<Ed25519PublicKey>(keyText, Scalars.Key, Scalars.KeyForm, out var parsed) ? parsed : null;
        }
        var follow = defaults with
        {
            Key = key,
            Cache = cache,
            Remotes = Remotes(section, isCache),
            Mode = section.Choice("mode", FollowMode.Mirror, ("mirror", FollowMode.Mirror), ("query", FollowMode.Query)),
            Claims = Claims(section),
            MaxEntries = Limit(section, "max_entries", defaults.MaxEntries),
            MaxHeads = Limit(section, "max_heads", defaults.MaxHeads),
            MaxBytes = NodeBinding.Positive(section, "max_bytes", defaults.MaxBytes, 1, long.MaxValue),
            Poll = NodeBinding.Duration(section, "poll", defaults.Poll, TimeSpan.FromSeconds(1), TimeSpan.FromDays(7)),
            UseUpstream = section.Value("use_upstream", false, Scalars.Boolean, Scalars.BooleanForm),
            Witnesses = section.Child("witnesses") is { } w ? WitnessBinding.Policy(w, context, isOwn: false) : null,
            Origin = section.Value<string?>("origin", null, Scalars.Origin!, Scalars.OriginForm),
            StaleAfter = NodeBinding.Duration(
                section,
                "stale_after",
                defaults.StaleAfter,
                TimeSpan.FromSeconds(1),
                TimeSpan.FromDays(3650)
            ),
        };
        section.Finish();
        foreach (
            var unused in isCache
                ? new[]
                {
                    "mode",
                    "claims",
                    "max_entries",
                    "max_heads",
                    "max_bytes",
                    "poll",
                    "use_upstream",
                    "witnesses",
                    "origin",
                    "stale_after",
                }
                : []
        )
        {
            if (section.Has(unused))
            {
                context.Errors.Add(
                    section.Find(unused) ?? section.Map,
                    $"'{unused}' means nothing for a signed cache, which has no log; remove it"
                );
            }
        }
        if (isCache && protocol is not null && protocol != Core.Protocol.Nix)
        {
            context.Errors.Add(section.Map, "signed binary caches speak of protocol nix only");
        }
        if (name is null || builder is null || protocol is null || (key is null && cache is null))
        {
            return;
        }
        context.Follow.Add(new Placed<FollowSection>(follow with { Name = name, Builder = builder, Protocol = protocol }, section.Map));
    }

    static IReadOnlyList<Uri> Remotes(Section section, bool isCache)
    {
        if (isCache)
        {
            if (section.Has("remotes"))
            {
                section.Errors.Add(section.Map, "give either 'cache' (a signed binary cache) or 'remotes' (a log), not both");
            }
            return [];
        }
        var remotes = section.ListOf<Uri>("remotes", Scalars.Remote, Scalars.RemoteForm);
        if (!section.Has("remotes") || section.Find("remotes") is YamlList { Items.Count: 0 })
        {
            section.Errors.Add(section.Map, "'remotes' is missing: give at least one URL of a node that serves this log");
        }
        return remotes;
    }

    static ulong Limit(Section section, string key, ulong fallback)
    {
        if (section.Scalar(key) is not { } scalar || !section.TryRead<ulong>(scalar, Scalars.Count, Scalars.CountForm, out var value))
        {
            return fallback;
        }
        if (value == 0)
        {
            section.Errors.Add(scalar, "must be at least 1");
        }
        return value;
    }

    static ClaimsKind Claims(Section section) =>
        section.Choice("claims", ClaimsKind.Built, ("built", ClaimsKind.Built), ("relayed", ClaimsKind.Relayed));

    static string? Name(YamlScalar? scalar, Section section) =>
        scalar is not null && section.TryRead<string>(scalar, Scalars.Name, Scalars.NameForm, out var name) ? name : null;

    public static SignerSection? Signer(YamlScalar? scalar, BindingContext context)
    {
        if (scalar is null || context.Signers.TryGetValue(scalar.Text, out var signer))
        {
            return scalar is null ? null : context.Signers[scalar.Text];
        }
        var hint = Nearest.Hint(scalar.Text, context.Signers.Keys);
        context.Errors.Add(
            scalar,
            $"unknown signer '{Section.Shown(scalar.Text)}'{(hint.Length > 0 ? hint : "; define it under 'signers:'")}"
        );
        return null;
    }

    static Dictionary<string, string> Meta(Section section)
    {
        const int mostEntries = 32;
        const int longest = 1024;
        var meta = new Dictionary<string, string>(StringComparer.Ordinal);
        if (section.Child("meta") is not { } child)
        {
            return meta;
        }
        foreach (var entry in child.Map.Entries)
        {
            if (child.AsScalar(entry.Value) is not { } value)
            {
                continue;
            }
            if (meta.Count >= mostEntries || entry.Key.Text.Length > longest || value.Text.Length > longest)
            {
                child.Errors.Add(
                    entry.Key,
                    $"at most {mostEntries} entries of at most {longest} characters: they are sent to everyone who asks"
                );
                break;
            }
            meta[entry.Key.Text] = value.Text;
        }
        return meta;
    }

    static PublishFilterSection Filter(Section section)
    {
        static bool Glob(string text, out string value)
        {
            value = text;
            return text.Length is > 0 and <= 256 && text.All(c => c is > ' ' and < (char)0x7f and not '/');
        }
        const string form = "a glob over store path names, like 'secret-*'";
        var filter = new PublishFilterSection(
            section.ListOf<string>("allow", Glob, form),
            section.ListOf<string>("deny", Glob, form),
            section.ListOf<string>("deny_deriver", Glob, form),
            section.ListOf<string>("deny_references", Glob, form)
        );
        section.Finish();
        return filter;
    }
}
