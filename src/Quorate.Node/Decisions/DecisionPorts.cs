using Quorate.Trust;
using Quorate.Trust.Engines;

namespace Quorate.Node.Decisions;

/// <summary>What ecosystems and the host give to the decision service.</summary>
public sealed record DecisionPorts
{
    /// <summary>Claim format by protocol name; protocols without one have opaque values.</summary>
    public IReadOnlyDictionary<string, IClaimFormat> Formats { get; init; } = new Dictionary<string, IClaimFormat>();

    /// <summary>One per <c>follow</c> entry with a cache, with the entry's name.</summary>
    public IReadOnlyList<ITestimonySource> TestimonySources { get; init; } = [];

    /// <summary>Needed only where a <c>javascript</c> engine is configured.</summary>
    public IScriptEngine? Script { get; init; }

    public ScriptLimits ScriptLimits { get; init; } = ScriptLimits.Default;

    /// <summary>How long one decision waits for the network.</summary>
    public TimeSpan TimeLimit { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How much longer it waits once nothing that is outstanding can change the verdict.</summary>
    public TimeSpan SettledGrace { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Decisions kept per protocol.</summary>
    public int CacheCapacity { get; init; } = 10_000;
}
