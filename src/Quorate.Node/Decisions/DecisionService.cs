using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Quorate.Node.Configuration;
using Quorate.Node.Logs;
using Quorate.Sources.Configuration;
using Quorate.Trust;

namespace Quorate.Node.Decisions;

/// <summary>
/// Decides inputs by the configured trust models. Decisions are kept until something they rest on changes: a log's head, a log caught
/// misbehaving, the configuration, a date in the rule, or the short life of an answer that proves nothing.
/// </summary>
public sealed class DecisionService : IDecisionService
{
    readonly LogRegistry _logs;
    readonly TimeProvider _time;
    readonly ILogger _logger;
    readonly Lock _binding = new();
    volatile Bound _bound;

    DecisionService(NodeConfiguration configuration, LogRegistry logs, DecisionPorts ports, TimeProvider time, ILogger logger)
    {
        _logs = logs;
        _time = time;
        _logger = logger;
        _bound = Bind(configuration, ports);
    }

    /// <exception cref="ConfigurationException">A rule or engine is wrong; the errors carry its place in the file.</exception>
    public static DecisionService Create(
        NodeConfiguration configuration,
        LogRegistry logs,
        DecisionPorts ports,
        TimeProvider time,
        ILogger<DecisionService>? logger = null
    ) => new(configuration, logs, ports, time, logger ?? NullLogger<DecisionService>.Instance);

    /// <summary>Takes a new configuration; decisions under way end under the old one, which stays when the new one is wrong.</summary>
    /// <exception cref="ConfigurationException">A rule or engine is wrong.</exception>
    public void Reload(NodeConfiguration configuration, DecisionPorts ports)
    {
        lock (_binding)
        {
            _bound = Bind(configuration, ports);
        }
    }

    /// <summary>Kept decisions over all protocols, for metrics.</summary>
    public int CachedDecisions => _bound.Models.Values.Sum(model => model.Cache.Count);

    public Task<Decision> DecideAsync(BuildInput input, CancellationToken cancellationToken)
    {
        var bound = Current();
        if (!bound.Models.TryGetValue(input.Protocol.Id, out var model))
        {
            throw new NoTrustModelException(input.Protocol.Name);
        }
        if (model.Cache.Find(input) is { } cached)
        {
            if ((cached.Expires is null || _time.GetUtcNow() < cached.Expires) && model.IsCurrent(cached.Stamps))
            {
                return Task.FromResult(cached.Decision);
            }
            model.Cache.Remove(input);
        }
        if (model.Pending.TryGetValue(input, out var pending))
        {
            return pending.WaitAsync(cancellationToken);
        }
        // The caller may reuse the key's memory.
        var own = input with
        {
            Key = input.Key.ToArray(),
        };
        var completion = new TaskCompletionSource<Decision>(TaskCreationOptions.RunContinuationsAsynchronously);
        pending = model.Pending.GetOrAdd(own, completion.Task);
        if (pending == completion.Task)
        {
            // Shared by whoever asks meanwhile, so it ends by its own time limit and not with the first caller.
            _ = CompleteAsync(bound, model, own, completion);
        }
        return pending.IsCompleted ? pending : pending.WaitAsync(cancellationToken);
    }

    async Task CompleteAsync(Bound bound, ProtocolModel model, BuildInput input, TaskCompletionSource<Decision> completion)
    {
        try
        {
            completion.SetResult(await DecideAsync(bound, model, input));
        }
        catch (Exception e)
        {
            // Not handled here: every caller that awaits the shared decision gets it.
            completion.SetException(e);
        }
        finally
        {
            model.Pending.TryRemove(input, out _);
        }
    }

    async ValueTask<Decision> DecideAsync(Bound bound, ProtocolModel model, BuildInput input)
    {
        // Taken before anything is read: what changes meanwhile must end this decision.
        var stamps = model.Stamps();
        var now = _time.GetUtcNow();
        var answers = await bound.Gathering.GatherAsync(model, input);
        var testimonies = new Testimony[answers.Length];
        TimeSpan? lifetime = null;
        for (var i = 0; i < answers.Length; i++)
        {
            testimonies[i] = answers[i].Testimony;
            lifetime = BuilderVoice.Shorter(lifetime, answers[i].Lifetime);
        }
        Decision decision;
        if (model.Rule is { } rule)
        {
            decision = rule.Decide(testimonies, now);
        }
        else
        {
            decision = await model.Chain!.DecideAsync(testimonies, CancellationToken.None);
            if (decision.Verdict == Verdict.Inconclusive && model.Chain.RunsScripts)
            {
                // The script may have hit a limit that it does not hit next time.
                lifetime = BuilderVoice.Shorter(lifetime, SourceAnswer.Short);
            }
        }
        if (model.Misbehaviours() is { Count: > 0 } misbehaviours)
        {
            decision = decision with { Reasons = [.. decision.Reasons, .. misbehaviours] };
        }
        if (DecisionCache.Fits(decision))
        {
            var expires = lifetime is { } brief ? now + brief : (DateTimeOffset?)null;
            if (model.Rule?.NextBound(now, testimonies) is { } ruleBound && (expires is null || ruleBound < expires))
            {
                expires = ruleBound;
            }
            model.Cache.Add(input, new CachedDecision(decision, stamps, expires));
        }
        return decision;
    }

    // The registry is replaced when the node opens or closes logs; sources bound to the old ones would never change again.
    Bound Current()
    {
        var bound = _bound;
        if (bound.Fits(_logs))
        {
            return bound;
        }
        lock (_binding)
        {
            if (!_bound.Fits(_logs))
            {
                _bound = Bind(_bound.Configuration, _bound.Ports);
            }
            return _bound;
        }
    }

    Bound Bind(NodeConfiguration configuration, DecisionPorts ports)
    {
        var (published, followed) = (_logs.Published, _logs.Followed);
        var file = configuration.SourceFile ?? "configuration";
        var errors = new List<ConfigurationError>();
        var compiled = TrustModels.Compile(
            configuration,
            section => published.FirstOrDefault(entry => entry.Section.Name == section.Name)?.Log.Identity.Id,
            file,
            errors
        );
        foreach (var model in compiled.Values)
        {
            if (ports.Script is null && model.Engines.Any(engine => engine is Trust.Engines.Engine.JavaScript))
            {
                errors.Add(
                    new ConfigurationError(file, 0, 0, $"trust.{model.Protocol.Name}.engines", "this node has no JavaScript engine")
                );
            }
        }
        if (errors.Count > 0)
        {
            throw new ConfigurationException(errors);
        }
        var models = compiled.ToDictionary(
            pair => pair.Key,
            pair => ProtocolModel.Bind(pair.Value, ports, [.. published], [.. followed]),
            StringComparer.Ordinal
        );
        return new Bound(configuration, ports, published, followed, models, new TestimonyGathering(ports, _time, _logger));
    }

    sealed record Bound(
        NodeConfiguration Configuration,
        DecisionPorts Ports,
        ImmutableArray<PublishedLogEntry> Published,
        ImmutableArray<IFollowedLog> Followed,
        Dictionary<string, ProtocolModel> Models,
        TestimonyGathering Gathering
    )
    {
        // ImmutableArray's == compares the arrays behind, which the registry replaces as a whole.
        public bool Fits(LogRegistry logs) => logs.Published == Published && logs.Followed == Followed;
    }
}
