using Quorate.Core;
using Quorate.Crypto.Notes;
using Quorate.Log.Tiles;

namespace Quorate.Log.Auditing;

/// <summary>
/// Checks a tile log, anybody's, completely: the checkpoint's signature, every bundle against its tile, every tile against those below it, the root, and
/// whether the log still has what an earlier audit saw; of a Quorate log also heads, values and, if wanted, maps. Streams: memory does not grow
/// with the log (but for the map). Use once.
/// </summary>
public sealed class LogAudit(ITileSource source, AuditOptions options)
{
    /// <summary>Tiles that are in memory at once, with their 256 hashes each; an audit that is interrupted repeats no more than these.</summary>
    const int Window = 256;

    readonly List<(int Level, ulong Index, Sha256Digest[] Hashes)> _higher = [];
    Checkpoint _checkpoint = null!;
    Checkpoint? _audited;
    TileTower _tower = new();
    HeadAudit? _heads;

    // Those of an earlier audit, until more were taken. Of the last, partial tile only at the end: a mirror may have fewer then.
    AuditedHeads _auditedHeads = AuditedHeads.None;
    MapAudit? _map;
    LogHead? _lastHead;

    // The leaves of the last, partial tile.
    ReadOnlyMemory<Sha256Digest> _edge;
    TileWorker[] _workers = [];
    bool _isBehind;
    ulong _start;

    readonly Lock _showing = new();
    ulong _shown;

    /// <exception cref="TileSourceException">The source failed: nothing is known.</exception>
    /// <exception cref="ArgumentException">The state is another log's.</exception>
    public async Task<AuditOutcome> RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await ReadCheckpointAsync(cancellationToken);
            if (Resume() is { } outcome)
            {
                return outcome;
            }
            using var heads = await HeadAudit.OpenAsync(source, options.Key.Key, _auditedHeads, _checkpoint.Size, cancellationToken);
            _heads = heads;
            if (options.Map is not null && _heads is null)
            {
                throw new TileSourceException("the log serves no heads, so that there is no map root to compare with");
            }
            using var map = options.Map is { } rule ? new MapAudit(rule) : null;
            _map = map;
            _workers = [.. Enumerable.Range(0, Math.Max(1, options.Workers)).Select(_ => new TileWorker(source, _heads is not null))];
            _shown = _start;
            // Before the work: whoever cannot keep what is reached should know it now.
            Reached(_audited);
            await RunWindowsAsync(cancellationToken);
            Reached(_checkpoint);
            return new AuditOutcome.Sound(
                _checkpoint,
                Checked(),
                _start,
                _heads?.Taken ?? 0,
                _workers.Aggregate(0UL, (sum, w) => sum + w.MissingValues)
            );
        }
        catch (UnequalLeavesException e)
        {
            var bad = await IsBundleBadAsync(e, cancellationToken) ? e.OfBundleAlone() : e;
            return new AuditOutcome.Bad(bad.Path, bad.Reason);
        }
        catch (BadObjectException e)
        {
            return new AuditOutcome.Bad(e.Path, e.Reason);
        }
    }

    /// <summary>Whether the tree has the tile's hashes rather than those of the entries. Of a full tile its parent says, of the last one the checkpoint.</summary>
    async Task<bool> IsBundleBadAsync(UnequalLeavesException unequal, CancellationToken cancellationToken)
    {
        if (unequal.Number.IsPartial)
        {
            return _tower.Root([.. unequal.OfTile]) == _checkpoint.Root;
        }
        try
        {
            return await _workers[0].ParentAsync(unequal.Number, _checkpoint.Size, cancellationToken)
                == TreeTile.Subtree([.. unequal.OfTile]);
        }
        catch (BadObjectException)
        {
            // Then it is not known, and the tile is named.
            return false;
        }
    }

    async Task ReadCheckpointAsync(CancellationToken cancellationToken)
    {
        var buffer = new TileBuffer();
        switch (await source.ReadAsync("checkpoint", buffer, SignedNote.MaxBytes, cancellationToken))
        {
            case TileRead.Absent:
                throw new TileSourceException("there is no checkpoint: not a tile log, or not its prefix");
            case TileRead.TooLong:
                throw new BadObjectException("checkpoint", $"is longer than {SignedNote.MaxBytes} bytes");
        }
        if (!SignedNote.TryParse(buffer.Bytes, out var note, out var error))
        {
            throw new BadObjectException("checkpoint", error);
        }
        if (NoteCheck.Of(note, [options.Key]).Result is Verification.Rejected rejected)
        {
            throw new BadObjectException("checkpoint", rejected.Detail);
        }
        if (!Checkpoint.TryParse(note.Text.Span, out var checkpoint, out error))
        {
            throw new BadObjectException("checkpoint", error);
        }
        if (checkpoint.Origin != options.Key.Name)
        {
            throw new BadObjectException("checkpoint", $"is of the log '{checkpoint.Origin}', not of '{options.Key.Name}'");
        }
        _checkpoint = checkpoint;
    }

    AuditOutcome.Older? Resume()
    {
        if (options.From is not { } from)
        {
            return null;
        }
        if (from.Key != options.Key.ToString())
        {
            throw new ArgumentException($"the state is of an audit of {from.Key}");
        }
        _audited = from.Audited;
        if (_audited is { } audited)
        {
            if (_checkpoint.Size < audited.Size)
            {
                return new AuditOutcome.Older(_checkpoint, audited.Size);
            }
            if (_checkpoint.Size == audited.Size && _checkpoint.Root != audited.Root)
            {
                throw new BadObjectException("checkpoint", $"has another root for {audited.Size} entries than the one audited before");
            }
        }
        _auditedHeads = from.Heads;
        // An audit that was interrupted may have come further than this checkpoint.
        _isBehind = from.Tower.Tiles * TileNumber.FullWidth > _checkpoint.Size;
        // A map is built from the first entry on.
        if (options.Map is null && !_isBehind)
        {
            _tower = from.Tower;
            _start = _tower.Tiles * TileNumber.FullWidth;
        }
        return null;
    }

    void Reached(Checkpoint? audited) => options.Reached?.Invoke(AuditState.Of(options.Key.ToString(), audited, _tower, _auditedHeads));

    void NoteHeads()
    {
        if (_heads is not null && _heads.Taken > _auditedHeads.Count)
        {
            _auditedHeads = _heads.Audited;
        }
    }

    async Task RunWindowsAsync(CancellationToken cancellationToken)
    {
        var tiles = TileLayout.Tiles(0, _checkpoint.Size);
        var leaves = new Sha256Digest[(int)Math.Min(Window, Math.Max(1, tiles - _tower.Tiles)) * TileNumber.FullWidth];
        for (var first = _tower.Tiles; first < tiles; first += Window)
        {
            var count = (int)Math.Min(Window, tiles - first);
            _map?.Reserve((first + (ulong)count) * TileNumber.FullWidth);
            await HashAsync(first, count, leaves, cancellationToken);
            for (var i = 0; i < count; i++)
            {
                await TakeAsync(first + (ulong)i, leaves.AsMemory(i * TileNumber.FullWidth), cancellationToken);
            }
            Reached(_audited);
        }
        // Sizes that no tile was read for: of the empty log, and of one that did not grow since it was audited.
        await CheckSizesAsync(_tower.Tiles * TileNumber.FullWidth, _edge, cancellationToken);
        await FinishAsync(_edge, cancellationToken);
    }

    /// <summary>Reads and hashes a window of tiles, by several workers.</summary>
    async Task HashAsync(ulong first, int count, Sha256Digest[] leaves, CancellationToken cancellationToken)
    {
        var next = -1;
        var (worst, failure) = (count, (BadObjectException?)null);
        var guard = new Lock();
        await Task.WhenAll(_workers.Select(worker => Task.Run(() => LoopAsync(worker), cancellationToken)));
        if (failure is UnequalLeavesException { Number.IsPartial: true })
        {
            // What the checkpoint says of the last tile, it says of all before it as well.
            for (var i = 0; i < worst; i++)
            {
                _tower.Add(TreeTile.Subtree(leaves.AsSpan(i * TileNumber.FullWidth, TileNumber.FullWidth)), (_, _, _) => { });
            }
        }
        if (failure is not null)
        {
            throw failure;
        }

        async Task LoopAsync(TileWorker worker)
        {
            // Indexes are taken in order, so that everything before a bad object is looked at by somebody.
            for (int i; (i = Interlocked.Increment(ref next)) < Volatile.Read(ref worst); )
            {
                var number = TileLayout.At(0, first + (ulong)i, _checkpoint.Size);
                try
                {
                    var mine = leaves.AsMemory(i * TileNumber.FullWidth, number.Width);
                    await worker.CheckAsync(number, mine, Noting(number), cancellationToken);
                    Show(number.Width);
                }
                catch (BadObjectException e)
                {
                    lock (guard)
                    {
                        if (i < worst)
                        {
                            (worst, failure) = (i, e);
                        }
                    }
                }
            }
        }
    }

    void Show(int entries)
    {
        if (options.Progress is { } progress)
        {
            lock (_showing)
            {
                progress(_shown += (ulong)entries, _checkpoint.Size);
            }
        }
    }

    TileWorker.EntrySeen? Noting(TileNumber number)
    {
        if (_map is not { } map)
        {
            return null;
        }
        return (i, data) =>
        {
            if (!map.Note(number.Index * TileNumber.FullWidth + (ulong)i, data))
            {
                throw new BadObjectException(TileLayout.EntriesPath(number), $"entry {i} is no Quorate entry, but the log has heads");
            }
        };
    }

    /// <summary>Takes the next tile into the tree, in order.</summary>
    async ValueTask TakeAsync(ulong index, ReadOnlyMemory<Sha256Digest> leaves, CancellationToken cancellationToken)
    {
        var width = TileLayout.At(0, index, _checkpoint.Size).Width;
        leaves = leaves[..width];
        await CheckSizesAsync(index * TileNumber.FullWidth, leaves, cancellationToken);
        if (width < TileNumber.FullWidth)
        {
            _edge = leaves;
            return;
        }
        NoteHeads();
        _tower.Add(TreeTile.Subtree(leaves.Span), (level, n, hashes) => _higher.Add((level, n, hashes)));
        foreach (var (level, n, hashes) in _higher)
        {
            await _workers[0].CheckHigherAsync(level, new TileNumber(n), hashes, cancellationToken);
        }
        _higher.Clear();
    }

    /// <summary>Compares the roots at the sizes that somebody stated: heads, and the checkpoint of the last audit.</summary>
    /// <param name="first">Index of the first leaf; everything before is in the tower.</param>
    async ValueTask CheckSizesAsync(ulong first, ReadOnlyMemory<Sha256Digest> leaves, CancellationToken cancellationToken)
    {
        var end = first + (ulong)leaves.Length;
        if (_audited is { } audited && audited.Size >= first && audited.Size <= end && RootAt(audited.Size, first, leaves) != audited.Root)
        {
            throw new BadObjectException(
                "checkpoint",
                $"is of a tree whose first {audited.Size} entries are not those that were audited before: the log was rewritten"
            );
        }
        while (_heads?.Current is { } head && head.TreeSize <= end)
        {
            if (head.TreeSize >= first && RootAt(head.TreeSize, first, leaves) != head.LogRoot)
            {
                throw new BadObjectException(_heads.Path, $"head {_heads.Taken} does not have the root of its {head.TreeSize} entries");
            }
            if (_map is { } map && map.RootAt(head.TreeSize) != head.MapRoot)
            {
                throw new BadObjectException(_heads.Path, $"head {_heads.Taken} does not have the map root of its {head.TreeSize} entries");
            }
            _lastHead = head;
            await _heads.TakeAsync(cancellationToken);
        }
    }

    Sha256Digest RootAt(ulong size, ulong first, ReadOnlyMemory<Sha256Digest> leaves) => _tower.Root(leaves.Span[..(int)(size - first)]);

    /// <summary>The partial tiles of the higher levels, the root, and the head that belongs to the checkpoint.</summary>
    async Task FinishAsync(ReadOnlyMemory<Sha256Digest> edge, CancellationToken cancellationToken)
    {
        for (var level = 1; level < TileLayout.MaxLevels; level++)
        {
            var hashes = _tower.Pending(level).ToArray();
            if (hashes.Length > 0)
            {
                var index = TileLayout.Hashes(level, _checkpoint.Size) / TileNumber.FullWidth;
                await _workers[0].CheckHigherAsync(level, new TileNumber(index, hashes.Length), hashes, cancellationToken);
            }
        }
        if (_tower.Root(edge.Span) != _checkpoint.Root)
        {
            throw new BadObjectException("checkpoint", $"does not have the root of the log's {_checkpoint.Size} entries");
        }
        if (_heads is not null && _lastHead?.TreeSize != _checkpoint.Size)
        {
            throw new BadObjectException(_heads.Path, $"no head is of the checkpoint's {_checkpoint.Size} entries");
        }
        if (!_isBehind && _heads?.Taken < _auditedHeads.Count)
        {
            throw new BadObjectException(
                "head",
                $"the log had {_auditedHeads.Count} heads when it was audited before, and has {_heads.Taken}"
            );
        }
        NoteHeads();
    }

    IReadOnlyList<string> Checked() =>
        ["tiles", "entries", .. _heads is null ? (string[])[] : ["heads", "values"], .. _map is null ? (string[])[] : ["map"]];
}
