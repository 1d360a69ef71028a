namespace Quorate.Log.Checking;

/// <summary>What is wrong at one place.</summary>
/// <param name="File">Full path.</param>
/// <param name="Offset">Where the damage begins; null where the whole file is meant.</param>
/// <param name="IsDerived">The file can be made again from the write-ahead file.</param>
public sealed record LogDamage(string File, long? Offset, string What, bool IsDerived);

/// <summary>The outcome of a full check of one log folder.</summary>
public sealed record LogCheckReport
{
    public required string Folder { get; init; }

    public required LogIdentity Identity { get; init; }

    /// <summary>True for a copy of a foreign log, which can be fetched again.</summary>
    public required bool IsMirror { get; init; }

    /// <summary>The newest head that checked, with everything below it.</summary>
    public required LogHead? Head { get; init; }

    public required ulong Heads { get; init; }

    /// <summary>Checkpoint signatures that were checked.</summary>
    public ulong Checkpoints { get; init; }

    /// <summary>Values of a mirror that no remote gave.</summary>
    public ulong MissingValues { get; init; }

    public long Bytes { get; init; }

    public int Segments { get; init; }

    public IReadOnlyList<LogDamage> Damage { get; init; } = [];

    /// <summary>What is worth knowing and no damage.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    public bool IsIntact => Damage.Count == 0;

    /// <summary>What the operator can do; null for an intact log.</summary>
    public string? Recovery =>
        IsIntact ? null
        : Damage.All(d => d.IsDerived) ? $"quorate log fsck --repair {Folder}"
        : IsMirror ? $"stop the node, then: rm -r {Folder}   (the node fetches the log again, and checks all of it)"
        : $"restore {Folder} from a copy that is not older, or take the log from a mirror: quorate log export MIRROR-FOLDER DIR; "
            + $"quorate log import DIR --state STATE --publish KEY-FILE   (never cut or delete anything here: the log would sign a second history)";
}

/// <summary>How far a check has come.</summary>
public readonly record struct LogCheckProgress(long Bytes, long TotalBytes, ulong Entries);
