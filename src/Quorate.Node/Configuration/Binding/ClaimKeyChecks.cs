using Quorate.Crypto;
using Quorate.Sources.Configuration;

namespace Quorate.Node.Configuration.Binding;

/// <summary>
/// A claim key signs claims of one builder and nothing else. Keys are compared by their bytes: whoever could sign heads, narinfos or checkpoints with a claim key
/// would make one of them pass for another, and a key under two builders would vote twice.
/// </summary>
static class ClaimKeyChecks
{
    public static void Run(BindingContext context, WitnessRoleSection? witness)
    {
        var others = OtherUses(context, witness);
        var seen = new Dictionary<Ed25519PublicKey, YamlMap>();
        foreach (var builder in context.Builders.Values)
        {
            if (
                !context.Publish.Exists(p => p.Value.Builder == builder.Value.Name)
                && !context.Follow.Exists(f => f.Value.Builder == builder.Value.Name)
            )
            {
                var names = context.Publish.Select(p => p.Value.Builder).Concat(context.Follow.Select(f => f.Value.Builder)).Distinct();
                context.Errors.Add(
                    builder.Map,
                    $"no log under 'publish:' or 'follow:' has the builder '{builder.Value.Name}'{Nearest.Hint(builder.Value.Name, [.. names])}"
                );
            }
            var place = builder.At("claim_keys");
            foreach (var key in builder.Value.ClaimKeys)
            {
                if (!seen.TryAdd(key.Key, builder.Map))
                {
                    context.Errors.Add(
                        place,
                        seen[key.Key] == builder.Map
                            ? $"the key '{key.Name}' is there twice"
                            : $"{seen[key.Key].Path} already has the key '{key.Name}'; one key under two builder names would vote twice"
                    );
                }
                if (others.TryGetValue(key.Key, out var use))
                {
                    context.Errors.Add(
                        place,
                        $"the key '{key.Name}' is {use}; claims are signed by a key of their own, make one with 'nix-store --generate-binary-cache-key'"
                    );
                }
            }
        }
        var logs = context
            .Publish.Select(p => (p.Value.Protocol, p.Value.Builder, p.Map))
            .Concat(context.Follow.Select(f => (f.Value.Protocol, f.Value.Builder, f.Map)));
        foreach (var (protocol, builder, map) in logs.Where(l => l.Protocol.MapRule.CountsAll))
        {
            if (!context.Builders.TryGetValue(builder, out var section) || section.Value.ClaimKeys.Count == 0)
            {
                context.Errors.Add(
                    map,
                    $"no claim of this log could count: give the keys that sign {builder}'s claims under builders.{builder}.claim_keys"
                );
            }
        }
    }

    static Dictionary<Ed25519PublicKey, string> OtherUses(BindingContext context, WitnessRoleSection? witness)
    {
        var uses = new Dictionary<Ed25519PublicKey, string>();
        foreach (var (name, key) in context.SignerKeys)
        {
            uses.TryAdd(key, $"that of signer '{name}'");
        }
        foreach (var publish in context.Publish.Where(p => p.Value.Key is not null))
        {
            uses.TryAdd(publish.Value.Key!, $"the key of the log '{publish.Value.Name}'");
        }
        foreach (var follow in context.Follow)
        {
            if (follow.Value.Key is { } log)
            {
                uses.TryAdd(log, $"the key of the log '{follow.Value.Name}'");
            }
            if (follow.Value.Cache is { } cache)
            {
                uses.TryAdd(cache.Key, $"the key of the cache '{follow.Value.Name}'");
            }
        }
        foreach (var other in context.Witnesses.Values.Where(w => w.Value.Key.Key is not null))
        {
            uses.TryAdd(other.Value.Key.Key!, $"the key of the witness '{other.Value.Name}'");
        }
        foreach (var log in (witness?.Logs ?? []).Where(l => l.Key is not null))
        {
            uses.TryAdd(log.Key!, $"the key of the log {log.Name}");
        }
        return uses;
    }
}
