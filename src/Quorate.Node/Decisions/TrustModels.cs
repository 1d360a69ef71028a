using Quorate.Core;
using Quorate.Log;
using Quorate.Node.Configuration;
using Quorate.Sources.Configuration;
using Quorate.Trust;
using Quorate.Trust.Engines;
using Quorate.Trust.Rules;

namespace Quorate.Node.Decisions;

/// <summary>What <c>trust.PROTOCOL</c> means: a rule, or a chain of engines over every configured builder.</summary>
/// <param name="Sources">Every log and cache of the protocol: <c>publish</c> in file order, then <c>follow</c>.</param>
sealed record ConfiguredModel(
    Protocol Protocol,
    TrustSection Section,
    TrustRule? Rule,
    IReadOnlyList<Engine> Engines,
    IReadOnlyList<ConfiguredSource> Sources
)
{
    /// <summary>The rule's builders in its order, then the others in the order of the file.</summary>
    public IReadOnlyList<string> Builders { get; } =
    [.. (Rule?.Builders ?? []).Concat(Sources.Select(source => source.Trust.Builder)).Distinct(StringComparer.Ordinal)];
}

/// <param name="Publish">Set for a log of our own.</param>
/// <param name="Follow">Set for a foreign log or cache.</param>
sealed record ConfiguredSource(BuilderSource Trust, PublishSection? Publish, FollowSection? Follow);

/// <summary>Compiles the trust models of a configuration and places their errors in its file.</summary>
public static class TrustModels
{
    /// <summary>Everything that is wrong with the trust models; empty when they can be used.</summary>
    /// <param name="file">The configuration file as the user named it.</param>
    public static IReadOnlyList<ConfigurationError> Check(NodeConfiguration configuration, string file)
    {
        var errors = new List<ConfigurationError>();
        _ = Compile(configuration, _ => null, file, errors);
        return errors;
    }

    /// <param name="ownLogId">The log ID of a published log, where it is known beyond the configuration.</param>
    internal static Dictionary<string, ConfiguredModel> Compile(
        NodeConfiguration configuration,
        Func<PublishSection, LogId?> ownLogId,
        string file,
        List<ConfigurationError> errors
    )
    {
        var models = new Dictionary<string, ConfiguredModel>(StringComparer.Ordinal);
        foreach (var (name, section) in configuration.Trust)
        {
            if (!Protocol.TryFind(name, out var protocol))
            {
                errors.Add(new ConfigurationError(file, 0, 0, $"trust.{name}", "unknown protocol"));
                continue;
            }
            var sources = SourcesOf(configuration, protocol, ownLogId);
            var rule = section.Rule is { } text ? Rule(text, section, protocol, sources, configuration, file, errors) : null;
            var engines = section.Rule is null ? Engines(section, protocol, sources, file, errors) : [];
            models[protocol.Id] = new ConfiguredModel(protocol, section, rule, engines, sources);
        }
        return models;
    }

    static List<ConfiguredSource> SourcesOf(NodeConfiguration configuration, Protocol protocol, Func<PublishSection, LogId?> ownLogId)
    {
        var sources = new List<ConfiguredSource>();
        foreach (var publish in configuration.Publish)
        {
            if (publish.Protocol == protocol)
            {
                var id = ownLogId(publish) ?? (publish.Key is { } key ? LogId.Compute(protocol, key) : null);
                // The ID of a log whose key file has not been read yet is unknown; such a text can equal no log ID.
                var text = id?.Text ?? $"publish:{publish.Name}";
                var trust = new BuilderSource(
                    publish.Builder,
                    publish.Name,
                    text,
                    OriginOf(publish.Claims),
                    publish.Witnesses?.Witnesses.Count ?? 0
                );
                sources.Add(new ConfiguredSource(trust, publish, null));
            }
        }
        foreach (var follow in configuration.Follow)
        {
            if (follow.Protocol == protocol)
            {
                var trust = follow.Cache is null
                    ? new BuilderSource(
                        follow.Builder,
                        follow.Name,
                        follow.Identity?.Id.Text,
                        OriginOf(follow.Claims),
                        follow.Witnesses?.Witnesses.Count ?? 0
                    )
                    : new BuilderSource(follow.Builder, follow.Name, null, ClaimOrigin.SignedCache);
                sources.Add(new ConfiguredSource(trust, null, follow));
            }
        }
        return sources;
    }

    static ClaimOrigin OriginOf(ClaimsKind claims) => claims == ClaimsKind.Built ? ClaimOrigin.LoggedBuilt : ClaimOrigin.LoggedRelayed;

    static TrustRule? Rule(
        RuleText text,
        TrustSection section,
        Protocol protocol,
        List<ConfiguredSource> sources,
        NodeConfiguration configuration,
        string file,
        List<ConfigurationError> errors
    )
    {
        var builders = sources.Select(source => source.Trust.Builder).ToHashSet(StringComparer.Ordinal);
        var others = configuration
            .Publish.Select(publish => publish.Builder)
            .Concat(configuration.Follow.Select(follow => follow.Builder))
            .Where(builder => !builders.Contains(builder))
            .Distinct(StringComparer.Ordinal);
        var context = new RuleContext(protocol.Name, [.. sources.Select(source => source.Trust)], [.. others]);
        if (TrustRule.TryParse(text.Text, context, section.ContestedByMajority, out var rule, out var error))
        {
            return rule;
        }
        var (line, column) = PlaceInFile(text, error);
        errors.Add(new ConfigurationError(file, line, column, $"trust.{protocol.Name}.rule", $"{error.Message}\n{error.Excerpt}"));
        return null;
    }

    // Exact for a rule on one line of the file. YAML folds and unindents the lines of others, so those get the place where the rule begins;
    // the excerpt still points at the character.
    static (int Line, int Column) PlaceInFile(RuleText text, RuleError error)
    {
        var oneLine = !text.Text.Contains('\n', StringComparison.Ordinal);
        return oneLine ? (text.Line, text.Column + (text.Plain ? 0 : 1) + error.Column - 1) : (text.Line, text.Column);
    }

    static List<Engine> Engines(
        TrustSection section,
        Protocol protocol,
        List<ConfiguredSource> sources,
        string file,
        List<ConfigurationError> errors
    )
    {
        var engines = new List<Engine>();
        for (var i = 0; i < section.Engines.Count; i++)
        {
            switch (section.Engines[i])
            {
                case EngineSection.Percentage percentage:
                    engines.Add(new Engine.Percentage(percentage.Minimum));
                    break;
                case EngineSection.JavaScript script:
                    engines.Add(new Engine.JavaScript(script.Function));
                    break;
                case EngineSection.LogIdMatch match:
                    var source = sources.Find(candidate => candidate.Trust.LogId == match.Id);
                    var allKnown = sources.TrueForAll(candidate =>
                        candidate.Trust.LogId?.StartsWith("publish:", StringComparison.Ordinal) != true
                    );
                    if (source is null && allKnown)
                    {
                        var message = $"no log of protocol {protocol.Name} with the ID {match.Id} is published or followed";
                        errors.Add(new ConfigurationError(file, 0, 0, $"trust.{protocol.Name}.engines[{i}].id", message));
                    }
                    engines.Add(new Engine.LogIdMatch(match.Id, source?.Trust.Builder ?? ""));
                    break;
            }
        }
        return engines;
    }
}
