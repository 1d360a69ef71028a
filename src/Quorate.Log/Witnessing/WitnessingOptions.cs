using Quorate.Crypto.Notes;
using Quorate.Log.Tiles;

namespace Quorate.Log.Witnessing;

/// <summary>What a log does while its witnesses do not meet the policy.</summary>
public enum UnwitnessedMode
{
    /// <summary>The last checkpoint that met it stays out.</summary>
    Wait,

    /// <summary>The newest one goes out with the cosignatures that there are.</summary>
    Publish,
}

/// <summary>How a log's checkpoints are witnessed.</summary>
/// <param name="Policy">Over the witnesses; see <see cref="WitnessPolicy"/>.</param>
/// <param name="NotCounted">The log's own key, and that of the node's own witness.</param>
public sealed record WitnessingOptions(
    IReadOnlyList<IWitness> Witnesses,
    TlogPolicy Policy,
    UnwitnessedMode Mode,
    IReadOnlyList<NoteVerifierKey> NotCounted
)
{
    /// <summary>A round ends after this, with what there is.</summary>
    public TimeSpan RoundLimit { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Rounds begin at least this far apart.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>A log that does not grow is shown to its witnesses again, so that its followers see that there is nothing newer.</summary>
    public TimeSpan Refresh { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>With enough cosignatures at hand the other witnesses have this long.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>At the start every witness is asked, whatever others said, for at most this long.</summary>
    public TimeSpan StartLimit { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Called after each round.</summary>
    public Action<CosignatureRound>? RoundEnded { get; init; }

    /// <summary>Called once, when a witness proves that somebody else signs with this log's key.</summary>
    public Action<WitnessIncident>? Stopped { get; init; }
}

/// <summary>A witness, or what this log itself had published, knows more of the log than its files do: whoever goes on signing forks it.</summary>
public sealed class LogRolledBackException(string message) : InvalidOperationException(message);
