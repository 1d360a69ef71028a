using Quorate.Core;
using Quorate.Nix.Derivations;
using Quorate.Nix.Nar;
using Quorate.Nix.Synthetic;

namespace Quorate.Nix.Verification;

/// <summary>What became of comparing a verified path with the bytes on this machine.</summary>
/// <param name="State"><c>matches</c>, <c>differs</c>, <c>absent</c> or <c>unknown</c>.</param>
public sealed record LocalContent(StorePath Path, string State, string Detail)
{
    public bool Differs => State == "differs";

    /// <summary>It is here, but could not be compared.</summary>
    public bool IsUnknown => State == "unknown";
}

/// <summary>
/// Compares the bytes of verified paths with what was verified: the content-addressed path recomputed from them, and the NAR hash that the builders state. What Nix
/// registered is only believed for which references to look at; a wrong list gives a wrong path, which is found.
/// </summary>
/// <param name="locate">Where a path is on this machine.</param>
/// <param name="references">What Nix registered; null where it knows nothing.</param>
/// <param name="view">Computes the content-addressed view of input-addressed outputs, which is what was verified of them.</param>
public sealed class LocalContentChecker(
    Func<StorePath, string> locate,
    Func<StorePath, CancellationToken, Task<IReadOnlyList<StorePath>?>> references,
    SyntheticView? view = null
)
{
    public async Task<LocalContent> CheckAsync(VerifiedOutput output, Derivation derivation, CancellationToken cancellationToken)
    {
        var stated = derivation.Output(output.Output)!;
        if (stated.Kind == DerivationKind.InputAddressed && view is not null)
        {
            return await CheckViewAsync(view, stated.Path!, output, cancellationToken);
        }
        var location = locate(output.Path);
        if (!Path.Exists(location) && new FileInfo(location).LinkTarget is null)
        {
            return new LocalContent(output.Path, "absent", "not on this machine");
        }
        try
        {
            if (stated.Kind is DerivationKind.Deferred or DerivationKind.InputAddressed)
            {
                return await CheckHashAsync(output, location, cancellationToken);
            }
            if (await references(output.Path, cancellationToken) is not { } referenced)
            {
                return new LocalContent(output.Path, "unknown", "Nix does not know its references");
            }
            var check = await ContentCheck.WithReferencesAsync(
                output.Path,
                location,
                stated.Method,
                stated.Algorithm,
                referenced,
                cancellationToken
            );
            if (check.Match is not { } match)
            {
                return new LocalContent(output.Path, "differs", $"its content belongs at {check.Addresses[0].Path}");
            }
            var era = match.Era is { } known
                ? $", self-references hashed {(known == SelfReferenceEra.WithPositions ? "with" : "without")} positions"
                : "";
            return output.NarHash is { } hash && hash != check.NarHash
                ? new LocalContent(
                    output.Path,
                    "differs",
                    $"NAR hash {NarHash.ToNix32(check.NarHash)}, but {NarHash.ToNix32(hash)} was claimed"
                )
                : new LocalContent(output.Path, "matches", $"{NarHash.ToNix32(check.NarHash)}, {check.NarSize} bytes{era}");
        }
        catch (UnaddressableException e)
        {
            return new LocalContent(output.Path, "differs", e.Message);
        }
        catch (Exception e) when (e is IOException or MalformedException or UnauthorizedAccessException)
        {
            return new LocalContent(output.Path, "unknown", e.Message);
        }
    }

    /// <summary>Compares what is at a path that does not follow from its content with the NAR hash that the builders state.</summary>
    static async Task<LocalContent> CheckHashAsync(VerifiedOutput output, string location, CancellationToken cancellationToken)
    {
        if (output.NarHash is not { } stated)
        {
            return new LocalContent(output.Path, "unknown", "its path does not follow from its content, and no one NAR hash is claimed");
        }
        var (hash, size) = await NarFeed.HashAsync(location, cancellationToken);
        return hash == stated
            ? new LocalContent(output.Path, "matches", $"{NarHash.ToNix32(hash)}, {size} bytes")
            : new LocalContent(output.Path, "differs", $"NAR hash {NarHash.ToNix32(hash)}, but {NarHash.ToNix32(stated)} was claimed");
    }

    /// <summary>Compares what is at an input-addressed path, seen as content, with the view that was verified.</summary>
    async Task<LocalContent> CheckViewAsync(SyntheticView views, StorePath path, VerifiedOutput output, CancellationToken cancellationToken)
    {
        var location = locate(path);
        if (!Path.Exists(location) && new FileInfo(location).LinkTarget is null)
        {
            return new LocalContent(path, "absent", "not on this machine");
        }
        try
        {
            var seen = await views.OutputAsync(path, cancellationToken);
            return seen.Object.Path != output.Path
                    ? new LocalContent(path, "differs", $"its content is {seen.Object.Path}, not {output.Path}")
                : output.NarHash is { } hash && hash != seen.NarHash
                    ? new LocalContent(
                        path,
                        "differs",
                        $"NAR hash {NarHash.ToNix32(seen.NarHash)}, but {NarHash.ToNix32(hash)} was claimed"
                    )
                : new LocalContent(path, "matches", $"seen as {seen.Object.Path}");
        }
        catch (Exception e) when (e is IOException or MalformedException or UnauthorizedAccessException)
        {
            return new LocalContent(path, "unknown", e.Message);
        }
    }
}
