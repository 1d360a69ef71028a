using Quorate.Core;
using Quorate.Core.Files;
using Quorate.Log.Checking;
using Quorate.Nix.Traces;
using Quorate.Nix.Verification;

namespace Quorate.Sources.Traces;

/// <summary>
/// The logs of traces in a folder on this disk, without a node and without a network: one log's folder, or a node's state directory with its own logs and its mirrors. Opened
/// read-only; a node may be running on it. Everything is recomputed and checked when it is opened.
/// </summary>
public sealed class OfflineTraceLogs : IDisposable
{
    static readonly string[] s_kinds = ["logs", "copies", "mirrors"];

    readonly List<OfflineLog> _logs = [];

    OfflineTraceLogs() { }

    /// <summary>One for each log of protocol <c>nix-trace</c>, in the order of their IDs. Nothing is left out: whose claims count is the trust model's to say.</summary>
    public IReadOnlyList<ITraceSource> Sources { get; private set; } = [];

    /// <param name="witnesses">By the ID of a log, whose cosignatures of it count; null for nobody's.</param>
    /// <exception cref="IOException">There is no such log, one is damaged, or it cannot be told what there is.</exception>
    public static OfflineTraceLogs Open(
        string path,
        Func<string, WitnessQuorum?> witnesses,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        var logs = new OfflineTraceLogs();
        try
        {
            var sources = new List<ITraceSource>();
            foreach (var folder in Folders(path))
            {
                var log = OfflineLog.Open(folder, cancellationToken);
                logs._logs.Add(log);
                var id = log.Identity.Id.ToString();
                var standing = OfflineLogStanding.Read(log, folder, witnesses(id), now);
                sources.Add(new LogTraceSource(log, $"log {id}", claimKeys: null, standing.Of));
            }
            logs.Sources = sources;
            return logs._logs.Count > 0 ? logs : throw new IOException($"{path}: there is no log of protocol {Protocol.NixTrace}");
        }
        catch (UnauthorizedAccessException e)
        {
            logs.Dispose();
            throw new IOException(e.Message, e);
        }
        catch
        {
            logs.Dispose();
            throw;
        }
    }

    public void Dispose() => _logs.ForEach(log => log.Dispose());

    static IEnumerable<string> Folders(string path)
    {
        if (OfflineLog.IdentityOf(path) is { } single)
        {
            return single.Protocol == Protocol.NixTrace ? [path] : [];
        }
        return s_kinds
            .Select(kind => Path.Combine(path, kind))
            .Where(FileLookup.IsThere)
            .SelectMany(Directory.GetDirectories)
            // Only those of the protocol are worth reading whole.
            .Where(folder => OfflineLog.IdentityOf(folder)?.Protocol == Protocol.NixTrace)
            .Order(StringComparer.Ordinal);
    }
}
