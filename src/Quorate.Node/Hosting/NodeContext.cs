using Quorate.Node.Configuration;
using Quorate.Node.Logs;
using Quorate.Node.Telemetry;
using Quorate.Trust;

namespace Quorate.Node.Hosting;

/// <param name="Address">Scheme, host and real port.</param>
/// <param name="PublicKey">As its clients have to trust it: <c>name:base64</c>.</param>
public sealed record RunningGate(string Protocol, string Address, string PublicKey);

/// <summary>What the endpoints of a running node share. The configuration is replaced whole on reload; take it once per request.</summary>
public sealed class NodeContext
{
    volatile NodeConfiguration _configuration;

    internal NodeContext(NodeConfiguration configuration, LogRegistry registry, TimeProvider time)
    {
        _configuration = configuration;
        Registry = registry;
        Time = time;
        StartedAt = time.GetUtcNow();
    }

    public NodeConfiguration Configuration
    {
        get => _configuration;
        internal set => _configuration = value;
    }

    public TimeProvider Time { get; }

    public DateTimeOffset StartedAt { get; }

    public LogRegistry Registry { get; }

    public required NodeMetrics Metrics { get; init; }

    public required Publisher Publisher { get; init; }

    public required IDecisionService Decisions { get; init; }

    /// <summary>Where the public listener and the gates really listen.</summary>
    public IReadOnlyList<string> PublicAddresses { get; internal set; } = [];

    public IReadOnlyList<RunningGate> Gates { get; internal set; } = [];

    /// <summary>Reads the configuration file again and applies it; the notes say what needs a restart.</summary>
    public Func<CancellationToken, Task<IReadOnlyList<string>>> Reload { get; internal init; } =
        _ => Task.FromResult<IReadOnlyList<string>>([]);

    /// <summary>Polls one followed log now; false when there is none of that name.</summary>
    public Func<string, CancellationToken, Task<bool>> SyncNow { get; internal init; } = (_, _) => Task.FromResult(false);

    /// <summary>An own log takes no more entries: only a restart can help.</summary>
    internal bool HasFailed => Registry.Published.Any(p => p.Log.Failure is not null);

    /// <summary>Empty when the node can do all of its work.</summary>
    public IReadOnlyList<string> NotReady()
    {
        var reasons = new List<string>();
        foreach (var published in Registry.Published)
        {
            if (published.Log.Failure is { } failure)
            {
                reasons.Add($"log {published.Section.Name} takes no more entries: {failure.Message}");
            }
            else if (published.Log.Fault is { } fault)
            {
                reasons.Add($"log {published.Section.Name} takes no entries for now: {fault}");
            }
        }
        foreach (var followed in Registry.Followed.Where(f => f.Head is null))
        {
            reasons.Add($"{followed.Section.Name} was never synchronised{(followed.Status.Fault is { } fault ? $": {fault}" : "")}");
        }
        return reasons;
    }
}
