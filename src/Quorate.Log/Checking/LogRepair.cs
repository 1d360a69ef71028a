using Quorate.Core.Files;
using Quorate.Log.Indexing;

namespace Quorate.Log.Checking;

/// <summary>Removes what can be made again. The write-ahead file is never touched.</summary>
public static class LogRepair
{
    /// <summary>Removes the derived files where any of them is damaged; what remains of the damage is in the report returned.</summary>
    public static LogCheckReport Run(LogCheckReport report)
    {
        if (!report.Damage.Any(d => d.IsDerived))
        {
            return report;
        }
        var derived = Path.Combine(report.Folder, DerivedFolder.Name);
        // The image goes first: it must never vouch for files that are not there.
        foreach (var file in Directory.GetFiles(derived).OrderByDescending(f => f.EndsWith(".img", StringComparison.Ordinal)))
        {
            File.Delete(file);
            DurableFile.FlushDirectory(derived);
        }
        return report with
        {
            Damage = [.. report.Damage.Where(d => !d.IsDerived)],
            Notes = [.. report.Notes, $"{derived}: emptied; it is made again from the write-ahead file when the log is opened"],
        };
    }
}
