using Quorate.Log;
using Quorate.Log.Storage;
using Quorate.Log.Tiles;
using Quorate.Node.Configuration;
using Quorate.Node.Logs;

namespace Quorate.Node.Subscriptions;

/// <summary>A log of which everything is kept and recomputed here; look-ups need no network.</summary>
sealed class FollowedMirror : FollowedLog
{
    /// <summary>Faults of several remotes in one status line; more of them say nothing more.</summary>
    const int ShownFaults = 3;

    readonly MirroredLog _mirror;
    readonly long _maxValue;

    FollowedMirror(FollowSection section, RemoteSet remotes, MirroredLog mirror, long maxValue, string stateFolder, TimeProvider time)
        : base(section, remotes, stateFolder, time)
    {
        _mirror = mirror;
        _maxValue = maxValue;
    }

    public override ILogView Mirror => _mirror;

    public override LogHead? Head => _mirror.Head;

    public override Misbehaviour? Misbehaviour => _mirror.Misbehaviour;

    /// <exception cref="IOException">The mirror's files cannot be used.</exception>
    public static async Task<FollowedMirror> OpenAsync(
        FollowSection section,
        RemoteSet remotes,
        StateDirectory state,
        NodeSection node,
        WriteAheadDisk disk,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        var identity = section.Identity!;
        var options = new MirroredLogOptions
        {
            Identity = identity,
            Folder = state.MirrorFolder(identity.Id),
            History = new HistoryWindow(node.History.Age, node.History.Heads),
            Disk = disk,
            Time = time,
        };
        var mirror = await MirroredLog.OpenAsync(options, cancellationToken);
        var followed = new FollowedMirror(section, remotes, mirror, node.MaxValue, state.Path, time);
        if (mirror.Misbehaviour is { } known)
        {
            followed.Report(time.GetUtcNow(), new PollOutcome("not asked yet", known.Detail, mirror.MissingValues));
        }
        return followed;
    }

    public override async Task<KeyLookup> LookupAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken)
    {
        if (_mirror.Head is not { } head)
        {
            return new KeyLookup.Unavailable(Status.Fault ?? "never synchronised");
        }
        var entries = _mirror.EntriesOf(key.Span);
        if (entries.Count == 0)
        {
            return new KeyLookup.Absent(head.TreeSize);
        }
        var values = new ReadOnlyMemory<byte>?[entries.Count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = await _mirror.ValueAsync(entries[i].ValueDigest, cancellationToken);
        }
        return new KeyLookup.Found(entries, values, head.TreeSize, _mirror.FirstSeen(entries[0].Index));
    }

    public override Task<Misbehaviour?> CompareAsync(IReadOnlyList<SignedTree> trees, CancellationToken cancellationToken) =>
        _mirror.CompareAsync(trees, cancellationToken);

    public override Task<bool> ContainsAsync(Checkpoint checkpoint, CancellationToken cancellationToken) =>
        Task.FromResult(
            _mirror.Head is { } head && checkpoint.Size <= head.TreeSize && _mirror.LogRootAt(checkpoint.Size) == checkpoint.Root
        );

    public override async ValueTask DisposeAsync()
    {
        await _mirror.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override async Task<PollOutcome> SyncAsync(CancellationToken cancellationToken)
    {
        // The limits and remotes of now: a reload may have changed them.
        var section = Section;
        var limits = new MirrorLimits(section.MaxEntries, (ulong)section.MaxBytes, section.MaxHeads, (int)_maxValue);
        SyncOutcome outcome;
        try
        {
            outcome = await _mirror.SyncAsync(Remotes.Sources, limits, progress: null, cancellationToken);
        }
        catch (LogStorageException e) when (e is not LogDamagedException)
        {
            // A full disk may have room again, and what was verified goes on counting.
            return new PollOutcome($"nothing new can be kept: {e.Message}; it is tried again", null, _mirror.MissingValues);
        }
        var faults = string.Join("; ", outcome.Faults.Take(ShownFaults));
        return outcome switch
        {
            SyncOutcome.Failed => new PollOutcome(faults.Length > 0 ? faults : "no remote answered", null, _mirror.MissingValues),
            SyncOutcome.Misbehaving bad => new PollOutcome(
                "the log misbehaves, so nothing later is taken",
                bad.Evidence.Detail,
                _mirror.MissingValues
            ),
            _ => new PollOutcome(null, null, _mirror.MissingValues),
        };
    }
}
