using System.Collections.Concurrent;
using Quorate.Core;
using Quorate.Node.Logs;
using Quorate.Trust;
using Quorate.Trust.Engines;
using Quorate.Trust.Rules;

namespace Quorate.Node.Decisions;

/// <summary>One protocol's trust model, bound to the logs and caches of the running node.</summary>
sealed class ProtocolModel
{
    readonly ClaimSource[] _sources;

    ProtocolModel(Protocol protocol, TrustRule? rule, EngineChain? chain, IClaimFormat format, BuilderVoice[] voices, int cacheCapacity)
    {
        Protocol = protocol;
        Rule = rule;
        Chain = chain;
        Format = format;
        Voices = voices;
        Cache = new DecisionCache(cacheCapacity);
        _sources = [.. voices.SelectMany(voice => voice.Sources)];
    }

    public Protocol Protocol { get; }

    /// <summary>Null where a chain decides.</summary>
    public TrustRule? Rule { get; }

    public EngineChain? Chain { get; }

    public IClaimFormat Format { get; }

    /// <summary>In rule order.</summary>
    public BuilderVoice[] Voices { get; }

    public DecisionCache Cache { get; }

    /// <summary>Decisions under way, so that parallel requests for one input share one.</summary>
    public ConcurrentDictionary<BuildInput, Task<Decision>> Pending { get; } = new();

    public SourceStamp[] Stamps()
    {
        var stamps = new SourceStamp[_sources.Length];
        for (var i = 0; i < stamps.Length; i++)
        {
            stamps[i] = _sources[i].Stamp;
        }
        return stamps;
    }

    public bool IsCurrent(SourceStamp[] stamps)
    {
        for (var i = 0; i < stamps.Length; i++)
        {
            var now = _sources[i].Stamp;
            if (
                !(ReferenceEquals(now.Head, stamps[i].Head) || (now.Head?.Equals(stamps[i].Head) ?? false))
                || now.Misbehaviour != stamps[i].Misbehaviour
                || now.MissingValues != stamps[i].MissingValues
                || (Rule is { DependsOnWitnesses: true } && now.Standing != stamps[i].Standing)
            )
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>Sentences about logs that were caught; their claims up to the last good head count on.</summary>
    public IReadOnlyList<string> Misbehaviours()
    {
        List<string>? sentences = null;
        foreach (var source in _sources)
        {
            if (source.Misbehaviour is { } misbehaviour)
            {
                (sentences ??= []).Add(
                    $"{source.Builder}'s log {source.Name} misbehaves ({misbehaviour}); its claims up to the last good head count on"
                );
            }
        }
        return sentences ?? (IReadOnlyList<string>)[];
    }

    public static ProtocolModel Bind(ConfiguredModel model, DecisionPorts ports, PublishedLogEntry[] published, IFollowedLog[] followed)
    {
        var format = ports.Formats.GetValueOrDefault(model.Protocol.Name) ?? new OpaqueClaimFormat();
        var sources = model
            .Sources.Select(source => Bind(source, model.Protocol, format, ports, published, followed))
            .ToLookup(s => s.Builder);
        var voices = model
            .Builders.Select(builder => new BuilderVoice(
                builder,
                model.Rule is null || model.Rule.Builders.Contains(builder, StringComparer.Ordinal),
                sources[builder]
            ))
            .ToArray();
        var chain = model.Rule is null ? new EngineChain(model.Engines, model.Builders, ports.Script, ports.ScriptLimits) : null;
        return new ProtocolModel(model.Protocol, model.Rule, chain, format, voices, ports.CacheCapacity);
    }

    static ClaimSource Bind(
        ConfiguredSource source,
        Protocol protocol,
        IClaimFormat format,
        DecisionPorts ports,
        PublishedLogEntry[] published,
        IFollowedLog[] followed
    )
    {
        var (builder, name, _, origin, _) = source.Trust;
        if (source.Publish is not null)
        {
            var own = Array.Find(published, entry => entry.Section.Name == name);
            return own is null
                ? new AbsentClaimSource(builder, name, origin, "its log is not open")
                : new LogClaimSource(builder, name, origin, own.Log, null, own.Standing, format);
        }
        if (source.Follow!.Cache is not null)
        {
            var cache = ports.TestimonySources.FirstOrDefault(candidate =>
                candidate.Builder == builder && candidate.Name == name && candidate.Protocol == protocol
            );
            return cache is null ? new AbsentClaimSource(builder, name, origin, "its cache cannot be asked") : new CacheClaimSource(cache);
        }
        var foreign = Array.Find(followed, log => log.Section.Name == name);
        return foreign is null ? new AbsentClaimSource(builder, name, origin, "never synchronised")
            : foreign.Mirror is { } mirror ? new LogClaimSource(builder, name, origin, mirror, foreign, () => foreign.Standing, format)
            : new QueryClaimSource(foreign, origin, format);
    }
}
