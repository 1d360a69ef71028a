using Quorate.Core.Files;

namespace Quorate.Log.Checking;

/// <summary>Removes what can be made again. The write-ahead file is never touched.</summary>
public static class LogRepair
{
    /// <summary>Removes the damaged derived files of a report; what remains of the damage is in the report returned.</summary>
    public static LogCheckReport Run(LogCheckReport report)
    {
        var removed = new List<string>();
        foreach (var file in report.Damage.Where(d => d.IsDerived).Select(d => d.File).Distinct(StringComparer.Ordinal))
        {
            File.Delete(file);
            removed.Add($"{file}: removed; it is made again from the write-ahead file when the log is opened");
        }
        if (removed.Count > 0)
        {
            DurableFile.FlushDirectory(report.Folder);
        }
        return report with { Damage = [.. report.Damage.Where(d => !d.IsDerived)], Notes = [.. report.Notes, .. removed] };
    }
}
