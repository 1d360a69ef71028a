using Quorate.Nix;

namespace Quorate.Cli.Signing;

/// <summary>A derivation to sign and its outputs.</summary>
/// <param name="Paths">Null: Nix is asked.</param>
sealed record NamedBuild(StorePath Derivation, IReadOnlyList<StorePath>? Paths)
{
    /// <summary>The builds that somebody named, else the one that Nix tells its hook of.</summary>
    /// <exception cref="CliException">They are not derivations and store paths, or there is none.</exception>
    public static IReadOnlyList<NamedBuild> Of(CliHost host, string[] named, string? outPaths)
    {
        // Nix's own words are used only where no other derivation is meant.
        var fromNix = host.Variable("DRV_PATH");
        string[] texts =
            named.Length > 0 ? named
            : fromNix is { Length: > 0 } ? [fromNix]
            : throw new CliException("name the derivations to sign, or set $DRV_PATH");
        if (outPaths is not null && texts.Length != 1)
        {
            throw new CliException("--out-paths goes with a single derivation");
        }
        return
        [
            .. texts.Select(text =>
            {
                var derivation =
                    StorePathArgument.Resolve(text) is { } path && path.Name.EndsWith(".drv", StringComparison.Ordinal)
                        ? path
                        : throw new CliException($"'{text}' is not a derivation in a Nix store");
                var paths = outPaths ?? (derivation.ToString() == fromNix ? host.Variable("OUT_PATHS") : null);
                return new NamedBuild(derivation, paths is { Length: > 0 } ? [.. PathsIn(paths)] : null);
            }),
        ];
    }

    static IEnumerable<StorePath> PathsIn(string text) =>
        text.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries)
            .Select(word => StorePath.TryParse(word, out var path) ? path : throw new CliException($"'{word}' is not a store path"));
}
