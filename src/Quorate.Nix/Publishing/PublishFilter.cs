namespace Quorate.Nix.Publishing;

/// <summary>Whether a claim may leave this machine.</summary>
public abstract record PublishVerdict
{
    PublishVerdict() { }

    public static PublishVerdict Publish { get; } = new Published();

    public bool MayPublish => this is Published;

    public sealed record Published : PublishVerdict;

    /// <param name="Rule">The rule that held it back, as configured: <c>deny: *-secret</c>.</param>
    /// <param name="Reason">One sentence for people.</param>
    public sealed record Withheld(string Rule, string Reason) : PublishVerdict;
}

/// <summary>
/// <c>publish.filter</c>: what may be published at all. It is applied before anything is queued, because publishing is irrevocable and names
/// alone leak. Rules are tried in this order, the first that holds a path back wins: deny, deny_deriver, deny_references, allow.
/// Immutable and thread-safe.
/// </summary>
public sealed class PublishFilter
{
    readonly NameGlob[] _allow;
    readonly NameGlob[] _deny;
    readonly NameGlob[] _denyDeriver;
    readonly NameGlob[] _denyReferences;

    /// <exception cref="FormatException">A glob is not usable; the message names it.</exception>
    public PublishFilter(
        IEnumerable<string> allow,
        IEnumerable<string> deny,
        IEnumerable<string> denyDeriver,
        IEnumerable<string> denyReferences
    )
    {
        _allow = [.. allow.Select(NameGlob.Parse)];
        _deny = [.. deny.Select(NameGlob.Parse)];
        _denyDeriver = [.. denyDeriver.Select(NameGlob.Parse)];
        _denyReferences = [.. denyReferences.Select(NameGlob.Parse)];
    }

    /// <summary>Holds nothing back.</summary>
    public static PublishFilter Open { get; } = new([], [], [], []);

    public bool IsOpen => _allow.Length + _deny.Length + _denyDeriver.Length + _denyReferences.Length == 0;

    /// <param name="storePath">Full store path, or any text that ends in <c>hash-name</c>.</param>
    /// <param name="deriver">The derivation's store path; null where there is none (sources).</param>
    /// <param name="references">Full store paths.</param>
    public PublishVerdict Judge(string storePath, string? deriver, IEnumerable<string> references)
    {
        if (!TryName(storePath, out var name))
        {
            return new PublishVerdict.Withheld("names", $"'{storePath}' is not a store path");
        }
        if (First(_deny, name) is { } denied)
        {
            return new PublishVerdict.Withheld($"deny: {denied}", $"the name '{name}' matches");
        }
        if (_denyDeriver.Length > 0 && deriver is not null)
        {
            if (!TryName(deriver, out var derivation))
            {
                return new PublishVerdict.Withheld("deny_deriver", $"the deriver '{deriver}' is not a store path");
            }
            var bare = derivation.EndsWith(".drv", StringComparison.Ordinal) ? derivation[..^4] : derivation;
            if ((First(_denyDeriver, derivation) ?? First(_denyDeriver, bare)) is { } rule)
            {
                return new PublishVerdict.Withheld($"deny_deriver: {rule}", $"the deriver '{derivation}' matches");
            }
        }
        if (_denyReferences.Length > 0)
        {
            // A name that nobody may mention is not published under its own path either.
            foreach (var reference in references.Prepend(storePath))
            {
                if (!TryName(reference, out var referenced))
                {
                    return new PublishVerdict.Withheld("deny_references", $"the reference '{reference}' is not a store path");
                }
                if (First(_denyReferences, referenced) is { } rule)
                {
                    return new PublishVerdict.Withheld($"deny_references: {rule}", $"it mentions '{referenced}'");
                }
            }
        }
        return _allow.Length == 0 || First(_allow, name) is not null
            ? PublishVerdict.Publish
            : new PublishVerdict.Withheld("allow", $"no allow rule matches the name '{name}'");
    }

    static NameGlob? First(NameGlob[] globs, string name)
    {
        foreach (var glob in globs)
        {
            if (glob.IsMatch(name))
            {
                return glob;
            }
        }
        return null;
    }

    /// <summary>The part after <c>…/&lt;32 characters&gt;-</c>.</summary>
    static bool TryName(string storePath, out string name)
    {
        var start = storePath.LastIndexOf('/') + 1;
        var ok = storePath.Length > start + 33 && storePath[start + 32] == '-';
        name = ok ? storePath[(start + 33)..] : "";
        return ok;
    }
}
