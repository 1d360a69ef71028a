using Microsoft.Extensions.Logging;
using Quorate.Core;
using Quorate.Crypto.Keys;
using Quorate.Crypto.Notes;
using Quorate.Log;
using Quorate.Log.Storage;
using Quorate.Log.Tiles;
using Quorate.Node.Alerts;
using Quorate.Node.Configuration;
using Quorate.Node.Hosting;
using Quorate.Node.Subscriptions;
using Quorate.Node.Telemetry;
using Quorate.Node.Witness;

namespace Quorate.Node.Logs;

/// <summary>
/// Opens, keeps and closes the logs that a configuration names. <see cref="ApplyAsync"/> is called at start and for every reload, one at a
/// time; what it cannot open leaves everything as it was.
/// </summary>
sealed partial class LogSet(
    StateDirectory state,
    LogRegistry registry,
    NodeMetrics metrics,
    OperatorAlerts alerts,
    TimeProvider time,
    ILoggerFactory logging
) : IAsyncDisposable
{
    readonly ILogger _logger = logging.CreateLogger<LogSet>();

    /// <summary>This node's own witness, which never counts for its own logs; null when it has none.</summary>
    public NoteVerifierKey? OwnWitness { get; set; }

    /// <summary>By what the files of logs reach the disk.</summary>
    public WriteAheadDisk Disk { get; init; } = WriteAheadDisk.Real;

    /// <summary>Called when a published log's storage failed.</summary>
    public Action<string>? Failed { get; init; }

    Dictionary<string, OwnLog> _own = new(StringComparer.Ordinal);
    Dictionary<string, SubscriptionLoop> _followed = new(StringComparer.Ordinal);

    /// <summary>Makes the open logs those of <paramref name="configuration"/>.</summary>
    /// <returns>What can only change at a restart.</returns>
    /// <exception cref="StartException">A log cannot be opened.</exception>
    public async Task<IReadOnlyList<string>> ApplyAsync(NodeConfiguration configuration, CancellationToken cancellationToken)
    {
        var notes = new List<string>();
        var opened = new List<IAsyncDisposable>();
        var own = new Dictionary<string, OwnLog>(StringComparer.Ordinal);
        var followed = new Dictionary<string, SubscriptionLoop>(StringComparer.Ordinal);
        var order = new List<PublishedLogEntry>();
        try
        {
            foreach (var section in configuration.Publish)
            {
                var log = await OpenOwnAsync(section, configuration.Node, opened, notes, cancellationToken);
                own.Add(log.Log.Identity.Id.Text, log);
                order.Add(
                    new PublishedLogEntry(section, log.Log)
                    {
                        Checkpoints = log.Checkpoints,
                        VerifierKey = log.Log.VerifierKey,
                        Standing = log.Witnessing is { } witnessing
                            ? () => witnessing.Standing
                            : () => LogStanding.None with { FreshAt = time.GetUtcNow() },
                        WitnessFaults = () => log.Witnessing?.Faults ?? [],
                    }
                );
            }
            foreach (var section in configuration.Follow.Where(f => f.Key is not null))
            {
                var loop = await OpenFollowedAsync(section, configuration.Node, opened, cancellationToken);
                followed.Add(loop.Log.Identity.Id.Text, loop);
            }
        }
        catch
        {
            foreach (var disposable in opened)
            {
                await disposable.DisposeAsync();
            }
            throw;
        }
        foreach (var section in configuration.Follow.Where(f => f.Key is not null))
        {
            followed[section.Identity!.Id.Text].Log.Update(section);
        }
        var closedOwn = _own.Values.Except(own.Values).ToList();
        var closedLoops = _followed.Values.Except(followed.Values).ToList();
        (_own, _followed) = (own, followed);
        registry.Replace(order, configuration.Follow.Where(f => f.Key is not null).Select(f => followed[f.Identity!.Id.Text].Log));
        foreach (var loop in opened.OfType<SubscriptionLoop>())
        {
            loop.Start();
        }
        // Only now, when no new request can find them.
        await CloseAsync(closedOwn, closedLoops);
        return notes;
    }

    /// <summary>Polls a followed log now; false when there is none with this ID.</summary>
    public async Task<bool> SyncNowAsync(string logId, CancellationToken cancellationToken)
    {
        if (!_followed.TryGetValue(logId, out var loop))
        {
            return false;
        }
        await loop.PollAsync(cancellationToken);
        return true;
    }

    public async ValueTask DisposeAsync()
    {
        registry.Replace([], []);
        await CloseAsync([.. _own.Values], [.. _followed.Values]);
        _own.Clear();
        _followed.Clear();
    }

    async Task<OwnLog> OpenOwnAsync(
        PublishSection section,
        NodeSection node,
        List<IAsyncDisposable> opened,
        List<string> notes,
        CancellationToken cancellationToken
    )
    {
        var file = ReadKey(section.Signer);
        var identity = new LogIdentity(section.Protocol, file.Key.PublicKey);
        if (section.Key is { } stated && !stated.Equals(file.Key.PublicKey))
        {
            file.Key.Dispose();
            throw new StartException(
                $"publish '{section.Name}': the configured key {stated} is not that of {section.Signer.Path}, which is {identity.Key}"
            );
        }
        if (_own.TryGetValue(identity.Id.Text, out var open))
        {
            file.Key.Dispose();
            if (section.Origin is { } origin && origin != open.Log.Origin)
            {
                throw new StartException(
                    $"publish '{section.Name}': the log was created with the origin '{open.Log.Origin}', which cannot change to '{origin}'"
                );
            }
            if (!Equals(open.Witnesses, section.Witnesses))
            {
                notes.Add($"log {section.Name}: changes of 'witnesses' take effect at the next restart");
            }
            if (
                (open.Divergence, open.History, open.MaxValue, open.Storage)
                != (section.Divergence, node.History, node.MaxValue, section.Storage)
            )
            {
                notes.Add(
                    $"log {section.Name}: changes of 'divergence', 'history', 'max_value' and 'storage' take effect at the next restart"
                );
            }
            return open;
        }
        if (file.ReadableByOthers)
        {
            KeyReadableByOthers(section.Signer.Path);
        }
        try
        {
            var options = new PublishedLogOptions
            {
                Identity = identity,
                Folder = state.PublishedFolder(identity.Id),
                SignedState = node.SignedState,
                Origin = section.Origin,
                DefaultOrigin = DefaultOrigin(node, identity),
                Divergence = section.Divergence == DivergenceMode.Drop ? DivergencePolicy.Drop : DivergencePolicy.Append,
                Meaning = section.Protocol == Protocol.Nix ? NixValueMeaning.Instance : null,
                MaxValueBytes = (int)node.MaxValue,
                History = new HistoryWindow(node.History.Age, node.History.Heads),
                Disk = Disk,
                Time = time,
            };
            var log = await OwnLog.OpenAsync(section, options, state, file.Key, _logger, cancellationToken);
            var own = new OwnLog(log, file.Key, section.Divergence, node.History, node.MaxValue, section.Storage, section.Witnesses);
            opened.Add(own);
            if (section.Witnesses is not null)
            {
                // Before anybody can submit: what the witnesses remember tells whether this is the newest state of the log.
                own.Witnessing = await LogWitnessing.OpenAsync(
                    section,
                    log,
                    OwnWitness,
                    time,
                    alerts,
                    logging.CreateLogger<LogWitnessing>(),
                    cancellationToken
                );
            }
            if (section.Origin is null && DefaultOrigin(node, identity) is { } origin && origin != own.Log.Origin)
            {
                OriginStays(section.Name, own.Log.Origin, origin);
            }
            log.Failed += (_, e) => Failed?.Invoke($"log {section.Name} ({identity.Id}): {e.Message}");
            log.Paused += (_, lack) => Paused(section.Name, lack);
            OpenedOwn(section.Name, identity.Id.Text, log.Head.TreeSize);
            Watch(section.Name, log);
            return own;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            file.Key.Dispose();
            throw new StartException($"publish '{section.Name}': {e.Message}", e);
        }
    }

    /// <summary>Where the log is found, as a URL without scheme: what C2SP recommends. Null while nobody said where others reach this node.</summary>
    static string? DefaultOrigin(NodeSection node, LogIdentity identity)
    {
        if (node.PublicUrl is null)
        {
            return null;
        }
        var url = new Uri(node.PublicUrl);
        var origin = $"{url.Authority}{url.AbsolutePath.TrimEnd('/')}/logs/{identity.Id}";
        return Checkpoint.IsOrigin(origin) ? origin : null;
    }

    static PrivateKeyFile ReadKey(SignerSection signer)
    {
        try
        {
            return KeyFiles.ReadPrivate(signer.Path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            throw new StartException($"signer '{signer.Name}': {e.Message}", e);
        }
    }

    async Task<SubscriptionLoop> OpenFollowedAsync(
        FollowSection section,
        NodeSection node,
        List<IAsyncDisposable> opened,
        CancellationToken cancellationToken
    )
    {
        var identity = section.Identity!;
        if (_followed.TryGetValue(identity.Id.Text, out var open))
        {
            // Limits and remotes are read anew for each poll.
            if (open.Log.Section.Mode == section.Mode)
            {
                return open;
            }
        }
        var remotes = new RemoteSet(section.Remotes, node.MaxValue);
        try
        {
            var log =
                section.Mode == FollowMode.Query
                    ? (FollowedLog)FollowedQuery.Open(section, remotes, state.Path, time)
                    : await FollowedMirror.OpenAsync(section, remotes, state, node, Disk, time, cancellationToken);
            var loop = new SubscriptionLoop(log, time, metrics, alerts, logging.CreateLogger<SubscriptionLoop>());
            opened.Add(loop);
            OpenedFollowed(section.Name, identity.Id.Text, section.Mode, log.Head?.TreeSize ?? 0);
            if (log.Mirror is LogView mirror)
            {
                Watch(section.Name, mirror);
            }
            return loop;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidOperationException or FormatException)
        {
            remotes.Dispose();
            throw new StartException($"follow '{section.Name}': {e.Message}", e);
        }
    }

    /// <summary>Tells the operator how the log was opened, and of images that fail.</summary>
    void Watch(string name, LogView log)
    {
        if (log.Repair is { } repair)
        {
            TailRepaired(name, repair);
        }
        if (log.Opened.Refused is null)
        {
            StateOpened(name, log.Opened);
        }
        else
        {
            StateRebuilt(name, log.Opened);
        }
        log.ImageFailed += (_, e) => ImageFailed(name, e.Message);
    }

    void Paused(string name, string? lack)
    {
        if (lack is null)
        {
            HasRoomAgain(name);
        }
        else
        {
            LacksRoom(name, lack);
        }
    }

    async Task CloseAsync(IReadOnlyList<OwnLog> own, IReadOnlyList<SubscriptionLoop> loops)
    {
        await Task.WhenAll(loops.Select(loop => loop.DisposeAsync().AsTask()));
        foreach (var log in own)
        {
            ClosedOwn(log.Log.Identity.Id.Text);
            await log.DisposeAsync();
        }
    }

    [LoggerMessage(30, LogLevel.Information, "Publishing log {Log} ({LogId}) with {TreeSize} entries")]
    partial void OpenedOwn(string log, string logId, ulong treeSize);

    [LoggerMessage(31, LogLevel.Information, "Following log {Log} ({LogId}) in mode {Mode}, {TreeSize} entries verified")]
    partial void OpenedFollowed(string log, string logId, FollowMode mode, ulong treeSize);

    [LoggerMessage(32, LogLevel.Information, "Closed log {LogId}")]
    partial void ClosedOwn(string logId);

    [LoggerMessage(
        34,
        LogLevel.Information,
        "Log {Log} keeps the origin {Origin} that it was created with; node.public_url alone would make it {Other}"
    )]
    partial void OriginStays(string log, string origin, string other);

    [LoggerMessage(35, LogLevel.Warning, "Log {Log}: {Repair}")]
    partial void TailRepaired(string log, TailRepair repair);

    [LoggerMessage(36, LogLevel.Debug, "Log {Log} opened: {Opening}")]
    partial void StateOpened(string log, LogOpening opening);

    [LoggerMessage(37, LogLevel.Warning, "Log {Log} opened: {Opening}")]
    partial void StateRebuilt(string log, LogOpening opening);

    [LoggerMessage(
        38,
        LogLevel.Warning,
        "Log {Log}: the state image was not written and will be tried again; opening takes longer until then: {Error}"
    )]
    partial void ImageFailed(string log, string error);

    [LoggerMessage(
        28,
        LogLevel.Error,
        "Log {Log} logs nothing new until there is room, and answers who submits with resource_exhausted: {Lack}"
    )]
    partial void LacksRoom(string log, string lack);

    [LoggerMessage(29, LogLevel.Information, "Log {Log} has room again")]
    partial void HasRoomAgain(string log);

    [LoggerMessage(33, LogLevel.Warning, "Private key {Path} is readable by others; run: chmod 600 {Path}")]
    partial void KeyReadableByOthers(string path);
}
