using Quorate.Crypto;
using Quorate.Sources.Configuration;

namespace Quorate.Node.Configuration.Binding;

/// <summary>What no section can know alone: a key belongs to exactly one log and one builder, a name to one thing.</summary>
static class CrossChecks
{
    public static void Run(BindingContext context, NodeSection? node)
    {
        Names(context);
        SignersUsedOnce(context);
        OriginsUsedOnce(context);
        Keys(context);
        foreach (var token in node?.Tokens ?? [])
        {
            TokenLogs(context, token);
        }
    }

    static void Names(BindingContext context)
    {
        var seen = new Dictionary<string, YamlMap>(StringComparer.Ordinal);
        var all = context.Publish.Select(p => (p.Value.Name, p.Map)).Concat(context.Follow.Select(f => (f.Value.Name, f.Map)));
        foreach (var (name, map) in all)
        {
            if (!seen.TryAdd(name, map))
            {
                context.Errors.Add(map, $"the name '{name}' is already used by {seen[name].Path}; give this one a 'name' of its own");
            }
        }
    }

    static void SignersUsedOnce(BindingContext context)
    {
        foreach (var group in context.Publish.GroupBy(p => p.Value.Signer.Name, StringComparer.Ordinal))
        {
            foreach (var second in group.Skip(1))
            {
                context.Errors.Add(
                    second.At("signer"),
                    $"signer '{group.Key}' already signs {group.First().Map.Path} ('{group.First().Value.Name}'); a log key belongs to exactly one log, so make another with 'quorate key new'"
                );
            }
        }
        var paths = context
            .Signers.Values.Where(s => s.Path.Length > 0)
            .GroupBy(s => s.Path, StringComparer.Ordinal)
            .Where(g => g.Count() > 1);
        foreach (var signers in paths.Select(g => g.Select(s => s.Name).ToHashSet(StringComparer.Ordinal)))
        {
            foreach (
                var second in context
                    .Publish.Where(p => signers.Contains(p.Value.Signer.Name))
                    .DistinctBy(p => p.Value.Signer.Name, StringComparer.Ordinal)
                    .Skip(1)
            )
            {
                context.Errors.Add(
                    second.At("signer"),
                    "this signer uses the same key file as another log's signer; a log key belongs to exactly one log"
                );
            }
        }
    }

    static void OriginsUsedOnce(BindingContext context)
    {
        foreach (var group in context.Publish.Where(p => p.Value.Origin is not null).GroupBy(p => p.Value.Origin!, StringComparer.Ordinal))
        {
            foreach (var second in group.Skip(1))
            {
                context.Errors.Add(
                    second.At("origin"),
                    $"the origin '{group.Key}' is already that of {group.First().Map.Path}; witnesses tell logs apart by it"
                );
            }
        }
    }

    static void Keys(BindingContext context)
    {
        var uses = new List<KeyUse>();
        foreach (var publish in context.Publish)
        {
            var own = context.SignerKeys.GetValueOrDefault(publish.Value.Signer.Name);
            if (publish.Value.Key is { } stated && own is not null && !stated.Equals(own))
            {
                context.Errors.Add(
                    publish.At("key"),
                    $"this is not the public key of signer '{publish.Value.Signer.Name}' ({publish.Value.Signer.Path}), whose key is {own}"
                );
            }
            if ((own ?? publish.Value.Key) is { } key)
            {
                uses.Add(
                    new KeyUse(key, publish.Value.Builder, publish.Value.Name, publish.At("signer"), publish.Map, Own: true, IsCache: false)
                );
            }
        }
        foreach (var follow in context.Follow)
        {
            var key = follow.Value.Key ?? follow.Value.Cache!.Key;
            uses.Add(
                new KeyUse(
                    key,
                    follow.Value.Builder,
                    follow.Value.Name,
                    follow.At("key"),
                    follow.Map,
                    Own: false,
                    follow.Value.Cache is not null
                )
            );
        }
        foreach (var group in uses.GroupBy(u => u.Key))
        {
            var first = group.First();
            foreach (var second in group.Skip(1))
            {
                Shared(context, first, second);
            }
        }
    }

    static void Shared(BindingContext context, KeyUse first, KeyUse second)
    {
        if (first.Own && second.Own)
        {
            // Two signers of one key; the same signer twice was reported with a better sentence.
            if (context.Publish.First(p => p.Map == first.Map).Value.Signer != context.Publish.First(p => p.Map == second.Map).Value.Signer)
            {
                context.Errors.Add(
                    second.Place,
                    $"this signer holds the same key as the one of {first.Map.Path}; a log key belongs to exactly one log"
                );
            }
        }
        else if (first.Own)
        {
            context.Errors.Add(
                second.Place,
                $"this is the key of our own log '{first.Name}' ({first.Map.Path}); a node does not follow itself"
            );
        }
        else if (first.Builder != second.Builder)
        {
            context.Errors.Add(
                second.Place,
                $"{first.Map.Path} already has this key for builder '{first.Builder}'; one key under two builder names would vote twice"
            );
        }
        else if (!first.IsCache || !second.IsCache)
        {
            context.Errors.Add(
                second.Place,
                $"{first.Map.Path} already has this key; a log key belongs to exactly one log and one protocol"
            );
        }
    }

    static void TokenLogs(BindingContext context, TokenSection token)
    {
        var names = context.Publish.Select(p => p.Value.Name).ToList();
        foreach (var log in token.Logs.Where(l => !names.Contains(l)))
        {
            context.Errors.Add(
                context.TokensPlace ?? new Place(1, 1),
                "node.tokens",
                $"token '{token.Name}' names the log '{log}', which is not under 'publish:'{Nearest.Hint(log, names)}"
            );
        }
    }

    sealed record KeyUse(Ed25519PublicKey Key, string Builder, string Name, YamlNode Place, YamlMap Map, bool Own, bool IsCache);
}
