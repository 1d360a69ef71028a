using Quorate.Node.Telemetry;
using Quorate.Trust;

namespace Quorate.Node.Hosting;

/// <summary>Counts verdicts, whoever asked: control API, Trustix services or a gate.</summary>
sealed class CountedDecisions(Func<IDecisionService> inner, NodeMetrics metrics) : IDecisionService
{
    public async Task<Decision> DecideAsync(BuildInput input, CancellationToken cancellationToken)
    {
        var decision = await inner().DecideAsync(input, cancellationToken);
        metrics.Decided(
            input.Protocol.Name,
            decision.Verdict switch
            {
                Verdict.Accepted => "accepted",
                Verdict.Rejected => "rejected",
                _ => "inconclusive",
            }
        );
        return decision;
    }
}
