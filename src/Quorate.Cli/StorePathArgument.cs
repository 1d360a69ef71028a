using Quorate.Nix;

namespace Quorate.Cli;

/// <summary>How people name store paths.</summary>
static class StorePathArgument
{
    /// <summary>The store path that a text names, directly, from inside, or through links.</summary>
    public static StorePath? Resolve(string text)
    {
        if (Trim(text) is { } direct)
        {
            return direct;
        }
        // Links such as ./result lead into the store; only the last component is followed, as Nix does.
        var full = Path.GetFullPath(text);
        return new FileInfo(full).LinkTarget is not null && File.ResolveLinkTarget(full, returnFinalTarget: true) is { } target
            ? Trim(target.FullName)
            : Trim(full);
    }

    /// <summary><c>/nix/store/hash-name/bin/x</c> → <c>/nix/store/hash-name</c>; null when no prefix is a store path.</summary>
    static StorePath? Trim(string text)
    {
        for (var end = text.TrimEnd('/').Length; end > 0; end = text.LastIndexOf('/', end - 1))
        {
            if (StorePath.TryParse(text.AsSpan(0, end), out var path))
            {
                return path;
            }
        }
        return null;
    }
}
