namespace Quorate.Nix.Realisations;

/// <summary>
/// A place that keeps what Nix itself says about builds, as binary caches do. Implementations are thread-safe and bound their own time and memory.
/// </summary>
public interface INixEntrySource
{
    /// <summary>What reports call this place.</summary>
    string Name { get; }

    /// <summary>Asks as Nix up to 2.34 does. Never throws for what the place answers or does not answer.</summary>
    /// <exception cref="OperationCanceledException"/>
    Task<NixEntryLookup> FindAsync(DrvOutputId id, string storeDir, CancellationToken cancellationToken);

    /// <summary>Asks as Nix since 2.35 does. Never throws for what the place answers or does not answer.</summary>
    /// <exception cref="OperationCanceledException"/>
    Task<NixEntryLookup> FindAsync(BuildTraceKey key, CancellationToken cancellationToken);
}

/// <summary>What one place answered about one output. Nothing in it is verified, not even that it is about what was asked for.</summary>
public abstract record NixEntryLookup
{
    NixEntryLookup() { }

    /// <summary>The place has nothing under this name, and said so.</summary>
    public static NixEntryLookup Absent { get; } = new None();

    public sealed record Found(ISignedOutput Entry) : NixEntryLookup;

    public sealed record None : NixEntryLookup;

    /// <summary>The place did not answer, or not with an entry: nobody knows what it has.</summary>
    public sealed record Unavailable(string Reason) : NixEntryLookup;
}
