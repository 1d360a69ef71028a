namespace Quorate.Cli.Doctor;

enum Grade
{
    Good,

    /// <summary>Nothing is wrong, but worth knowing.</summary>
    Note,
    Warning,

    /// <summary>Something does not work; the exit status says so.</summary>
    Fault,
}

/// <param name="Subject">What was looked at: a library, a file, a log.</param>
/// <param name="Remedy">What to do; null where there is nothing to do.</param>
sealed record Finding(Grade Grade, string Subject, string Detail, string? Remedy = null);
