using Quorate.Core;
using Quorate.Nix.Derivations;

namespace Quorate.Nix.Synthetic;

/// <summary>
/// The views of what derivations were built to on this machine. Only a guess at what others built: claims are looked up by it, and it supports nothing by
/// itself. Thread-safe; reads one closure at a time.
/// </summary>
/// <param name="fixedOutputs">The fixed outputs in the graph of the derivations that will be asked for.</param>
public sealed class RealisedViews(IStoreObjects store, IReadOnlySet<StorePath> fixedOutputs) : IDisposable
{
    readonly SyntheticView _view = new(store, fixedOutputs);
    readonly SemaphoreSlim _one = new(1, 1);

    /// <summary>By output; null unless all outputs are here and are what their store says of them.</summary>
    public async Task<IReadOnlyDictionary<string, StorePath>?> OfAsync(Derivation derivation, CancellationToken cancellationToken)
    {
        if (!derivation.Outputs.All(output => IsHere(store.Location(output.Path!))))
        {
            return null;
        }
        await _one.WaitAsync(cancellationToken);
        try
        {
            var views = new Dictionary<string, StorePath>(StringComparer.Ordinal);
            foreach (var output in derivation.Outputs)
            {
                views[output.Name] = (await _view.OfAsync(output.Path!, cancellationToken)).Path;
            }
            return views;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or MalformedException)
        {
            return null;
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();

    static bool IsHere(string location) => Path.Exists(location) || new FileInfo(location).LinkTarget is not null;
}
