using Quorate.Core.Files;
using Quorate.Log.Storage;

namespace Quorate.Log.Checking;

/// <summary>
/// A log's folder as it lies on the disk, read without changing anything and without the state directory's lock. Trees and map are rebuilt in memory from all frames, and
/// compared with the newest head's roots and signature, so that answers are as good as those of the node that wrote it; what it writes later is not seen.
/// </summary>
public sealed class OfflineLog : LogView, IDisposable
{
    readonly FrameScan _scan;

    // Without a folder nothing is derived on the disk, and nothing that lies there is believed.
    OfflineLog(LogIdentity identity, FrameScan scan)
        : base(
            identity,
            new ScannedStorage(scan, folder: null, WriteAheadDisk.Real),
            HistoryWindow.Default,
            ulong.MaxValue,
            TimeProvider.System,
            isMirror: true
        ) => _scan = scan;

    /// <summary>Whose log a folder is; null where the folder does not say it.</summary>
    /// <exception cref="IOException">Whether it does cannot be told.</exception>
    public static LogIdentity? IdentityOf(string folder) =>
        FileLookup.IsThere(Path.Combine(folder, LogIdentityFile.FileName)) ? LogIdentityFile.TryRead(folder) : null;

    /// <exception cref="LogUnknownException">The folder is no log's, or does not say whose.</exception>
    /// <exception cref="IOException">Damaged, or not readable.</exception>
    public static OfflineLog Open(string folder, CancellationToken cancellationToken)
    {
        var identity = IdentityOf(folder) ?? throw new LogUnknownException($"{folder} has no file that says whose log this is");
        var scan = FrameScan.Open(Path.GetFullPath(folder), identity.Id.ToDigest(), WriteAheadDisk.Real);
        var log = new OfflineLog(identity, scan);
        try
        {
            log.Open(cancellationToken);
            return log;
        }
        catch
        {
            log.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        State.Dispose();
        _scan.Dispose();
    }
}
