namespace Quorate.Nix.Store;

/// <summary>What is known of some paths, and why nothing is known of the others.</summary>
/// <param name="Unanswered">Asking again later may help; <paramref name="Problem"/> says what went wrong.</param>
/// <param name="Problem">The first thing that went wrong; empty when everything is known.</param>
public sealed record StoreAnswer(IReadOnlyList<PathFacts> Facts, IReadOnlyList<StorePath> Unanswered, string Problem);

/// <summary>
/// Asks for the facts of paths, where the build's store is one of several that may be meant. Nix fails a whole call for one path that it does not
/// have; so after a failure each path is asked for by itself, and one bad path costs the others nothing.
/// </summary>
/// <param name="stores">Best first.</param>
public sealed class StoreQuestion(IReadOnlyList<NixStore> stores)
{
    /// <summary>Never throws for what Nix does. What was found before <paramref name="deadline"/> passed is kept.</summary>
    public async Task<StoreAnswer> FactsAsync(IReadOnlyList<StorePath> paths, CancellationToken deadline)
    {
        var found = new Dictionary<StorePath, PathFacts>();
        var problem = "";
        try
        {
            foreach (var store in stores)
            {
                problem = await AskAsync(store, [.. paths.Where(p => !found.ContainsKey(p))], found, problem, deadline);
                if (found.Count == paths.Count)
                {
                    break;
                }
            }
        }
        catch (OperationCanceledException)
        {
            problem = "nix-store takes too long";
        }
        StorePath[] unanswered = [.. paths.Where(p => !found.ContainsKey(p))];
        return new StoreAnswer([.. found.Values], unanswered, unanswered.Length == 0 ? "" : problem);
    }

    static async Task<string> AskAsync(
        NixStore store,
        IReadOnlyList<StorePath> paths,
        Dictionary<StorePath, PathFacts> found,
        string problem,
        CancellationToken deadline
    )
    {
        try
        {
            Keep(await store.FactsAsync(paths, deadline));
            return problem;
        }
        catch (NixStoreException e) when (paths.Count == 1)
        {
            return First(e);
        }
        catch (NixStoreException e)
        {
            problem = First(e);
        }
        foreach (var path in paths)
        {
            try
            {
                Keep(await store.FactsAsync([path], deadline));
            }
            catch (NixStoreException)
            {
                // Named already by the call for all of them.
            }
        }
        return problem;

        void Keep(IReadOnlyList<PathFacts> facts)
        {
            foreach (var fact in facts)
            {
                found[fact.Claim.Path] = fact;
            }
        }

        string First(NixStoreException e) => problem.Length == 0 ? e.Message : problem;
    }

    /// <summary>
    /// The outputs of a derivation, by its text or by what was built of it; null when no store can tell, with a reason. Nothing is built.
    /// </summary>
    public async Task<(IReadOnlyList<StorePath>? Outputs, string Problem)> OutputsAsync(StorePath derivation, CancellationToken deadline)
    {
        var problem = "";
        try
        {
            foreach (var store in stores)
            {
                try
                {
                    return (await store.OutputsAsync(derivation, deadline), "");
                }
                catch (NixStoreException e)
                {
                    problem = problem.Length == 0 ? e.Message : problem;
                }
            }
            foreach (var store in stores)
            {
                try
                {
                    return (await store.RealisedOutputsAsync(derivation, deadline), "");
                }
                catch (NixStoreException)
                {
                    // The first answer says more.
                }
            }
        }
        catch (OperationCanceledException)
        {
            problem = "nix-store takes too long";
        }
        return (null, problem);
    }

    /// <summary>The paths that every store says it does not have; null when one does not answer, because it may have any of them.</summary>
    public async Task<IReadOnlyList<StorePath>?> CollectedAsync(IReadOnlyList<StorePath> paths, CancellationToken deadline)
    {
        var gone = paths;
        try
        {
            foreach (var store in stores)
            {
                gone = [.. (await store.InvalidAsync(gone, deadline)).Intersect(gone)];
            }
            return gone;
        }
        catch (Exception e) when (e is NixStoreException or OperationCanceledException)
        {
            return null;
        }
    }
}
