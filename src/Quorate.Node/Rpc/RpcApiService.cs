using Quorate.Core;
using Quorate.Node.Logs;
using Quorate.Rpc;
using Quorate.Trust;
using Wire = Quorate.Rpc.Messages;

namespace Quorate.Node.Rpc;

/// <summary>RPCApi: the operator's view of all logs, and decisions under the trust model.</summary>
sealed class RpcApiService(LogRegistry registry, IDecisionService decisions)
{
    static readonly Dictionary<string, string> NoMeta = [];

    public Wire.LogsResponse Logs(Wire.LogsRequest request)
    {
        var response = new Wire.LogsResponse();
        response.Logs.AddRange(
            registry
                .Published.Select(p => (p.Log.Identity, p.Section.Meta))
                .Concat(registry.Followed.Select(f => (f.Identity, (IReadOnlyDictionary<string, string>)NoMeta)))
                .Where(log => request.Protocols.Count == 0 || request.Protocols.Contains(log.Identity.Protocol.Id))
                .Select(log => log.Identity.ToWire(log.Item2))
        );
        return response;
    }

    public ValueTask<Wire.ValueResponse> GetValueAsync(Wire.ValueRequest request, CancellationToken cancellationToken) =>
        LogReader.ValueAsync(
            registry.Published.Select(p => p.Log).Concat(registry.Followed.Select(f => f.Mirror).OfType<Log.ILogView>()),
            request,
            cancellationToken
        );

    public async ValueTask<Wire.DecisionResponse> DecideAsync(Wire.DecideRequest request, CancellationToken cancellationToken)
    {
        if (!Protocol.TryFind(request.Protocol, out var protocol))
        {
            throw new RpcException(RpcCode.InvalidArgument, $"unknown protocol '{RpcText.Shorten(request.Protocol)}'");
        }
        Decision decision;
        try
        {
            decision = await decisions.DecideAsync(new BuildInput(protocol, request.Key.Memory), cancellationToken);
        }
        catch (NoTrustModelException e)
        {
            throw new RpcException(RpcCode.FailedPrecondition, $"No decider configured for protocol '{protocol.Id}'", e);
        }
        return decision is { Verdict: Verdict.Accepted, Accepted: { } accepted }
            ? Accept(protocol, decision, accepted)
            : throw Refuse(decision);
    }

    Wire.DecisionResponse Accept(Protocol protocol, Decision decision, Evidence accepted)
    {
        var agreed = accepted.Claim.Outputs;
        var given = decision.Testimonies.OfType<Testimony.Given>().Select(t => t.Evidence).ToList();
        var supporting = given.Where(e => decision.Supporters.Contains(e.Claim.Builder) && e.Claim.Outputs.Equals(agreed)).ToList();
        // A cache's raw bytes are a narinfo, which is no value of this API; a log that means the same has one.
        var source =
            accepted.Claim.Origin == ClaimOrigin.SignedCache
                ? supporting.FirstOrDefault(e => e.Claim.Origin != ClaimOrigin.SignedCache) ?? accepted
                : accepted;
        var response = new Wire.DecisionResponse
        {
            Decision = new Wire.LogValueDecision
            {
                // The digest is computed from the bytes beside it, so they cannot disagree.
                Digest = source.Claim.Raw.Digest.ToWire(),
                Value = WireMessages.Wrap(source.Claim.Raw.Bytes),
                Confidence = decision.Confidence,
            },
        };
        response.Decision.LogIDs.AddRange(supporting.Select(e => e.Position?.LogId).OfType<string>());
        response.Mismatches.AddRange(
            given
                .Where(e => e.Position is not null && !e.Claim.Outputs.Equals(agreed))
                .Select(e => new Wire.LogValueResponse { LogID = e.Position!.LogId, Digest = e.Claim.Raw.Digest.ToWire() })
        );
        response.Misses.AddRange(
            decision.Testimonies.Where(t => t is not Testimony.Given).SelectMany(t => LogsOf(t.Builder, protocol)).Distinct()
        );
        return response;
    }

    IEnumerable<string> LogsOf(string builder, Protocol protocol) =>
        registry
            .Published.Where(p => p.Section.Builder == builder && p.Log.Identity.Protocol == protocol)
            .Select(p => p.Log.Identity.Id.Text)
            .Concat(
                registry
                    .Followed.Where(f => f.Section.Builder == builder && f.Identity.Protocol == protocol)
                    .Select(f => f.Identity.Id.Text)
            );

    static RpcException Refuse(Decision decision) =>
        decision.Testimonies.Any(t => t is Testimony.Given)
            ? new RpcException(
                RpcCode.FailedPrecondition,
                $"{(decision.Verdict == Verdict.Rejected ? "rejected" : "inconclusive")}: {string.Join("; ", decision.Reasons)}"
            )
            : new RpcException(RpcCode.NotFound, $"No outputs found for input: {string.Join("; ", decision.Reasons)}");
}
