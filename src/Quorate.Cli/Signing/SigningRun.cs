using Quorate.Nix;
using Quorate.Nix.Traces;
using Quorate.Sources.Control;
using Quorate.Sources.Traces;

namespace Quorate.Cli.Signing;

/// <summary>What became of one derivation.</summary>
/// <param name="Places">Where the claim is now: added, or already there.</param>
/// <param name="Problems">Where it could not be put, and why.</param>
sealed record SigningOutcome(
    StorePath Derivation,
    ExaminedBuild Build,
    SignedTrace? Trace,
    IReadOnlyList<string> Places,
    IReadOnlyList<string> Problems
);

/// <summary>Signs builds and hands the claims to caches and to the node's log.</summary>
/// <param name="log">Name of the node's log of protocol <c>nix-trace</c>; null to log nothing.</param>
sealed class SigningRun(
    BuildExamination examination,
    TraceSigner signer,
    IReadOnlyList<TraceCache> caches,
    ControlClient? client,
    string? log
)
{
    /// <exception cref="IOException">The disk or Nix failed before anything was signed.</exception>
    public async Task<SigningOutcome> SignAsync(StorePath derivation, IReadOnlyList<StorePath> paths, CancellationToken cancellationToken)
    {
        var build = await examination.ExamineAsync(derivation, paths, cancellationToken);
        if (build is not ExaminedBuild.Sound sound)
        {
            return new SigningOutcome(derivation, build, Trace: null, [], []);
        }
        var trace = signer.Sign(sound);
        var places = new List<string>();
        var problems = new List<string>();
        // The log first: it is what nobody can take back, and others may count on a claim in a cache being there.
        if (client is not null)
        {
            await TryAsync(
                log!,
                async () =>
                {
                    await client.SubmitAsync(log!, [new SubmitEntry(trace.LogKey, trace.Element.Raw)], relayed: false, cancellationToken);
                    await client.KeepDerivationAsync(trace.Input.ToString(), trace.Aterm, cancellationToken);
                }
            );
        }
        foreach (var cache in caches)
        {
            await TryAsync(
                cache.Name,
                async () =>
                {
                    await cache.AddAsync(trace.Input, trace.Element, cancellationToken);
                    await cache.AddDerivationAsync(trace.Input, trace.Aterm.ToArray(), cancellationToken);
                }
            );
        }
        return new SigningOutcome(derivation, build, trace, places, problems);

        async Task TryAsync(string place, Func<Task> put)
        {
            try
            {
                await put();
                places.Add(place);
            }
            catch (IOException e)
            {
                problems.Add($"{place}: {e.Message.Split('\n')[0]}");
            }
        }
    }
}
