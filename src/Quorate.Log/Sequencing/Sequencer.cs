using System.Runtime.InteropServices;
using System.Threading.Channels;
using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Crypto;
using Quorate.Log.Indexing;
using Quorate.Log.Storage;
using Quorate.Log.Tiles;

namespace Quorate.Log.Sequencing;

/// <summary>
/// The one writer of a published log. The order is the safety argument: entries and the signed head that covers them are one frame; the frame is
/// durable before the signature leaves this class; a failed write stops the log for good, because whether a second head of the same size
/// exists on the disk is then unknown.
/// </summary>
sealed class Sequencer(LogState state, ILogStorage storage, PublishedLogOptions options, Ed25519PrivateKey key)
{
    /// <summary>Beside the entries a frame has some bytes for each of them, and so has each column.</summary>
    const int BytesOnDisk = 2;

    /// <summary>How much more must be free again before a pause ends, so that it does not begin and end with every batch.</summary>
    const long RoomToResume = 8L << 20;

    volatile LogStorageException? _failure;
    volatile bool _isPaused;

    /// <summary>What waits, and what is being integrated.</summary>
    internal QueueBudget Budget { get; } = new(options.MaxQueuedBytes);

    internal LogStorageException? Failure => _failure;

    /// <summary>Why nothing new is logged for now; null as soon as it is.</summary>
    internal string? Lack => storage.LackOfRoom(_isPaused ? RoomToResume : 0);

    /// <summary>Called when a batch meets a <see cref="Lack"/> that the one before did not, and with null at the next that meets none.</summary>
    internal Action<string?>? LackChanged { get; init; }

    /// <summary>No batch is integrated after the one under way.</summary>
    internal void Refuse(LogStorageException reason) => _failure ??= reason;

    /// <summary>Called after each batch; true when it made a new head.</summary>
    internal required Action<SubmitBatch, bool> Published { get; init; }

    /// <summary>Called once, when the storage has failed and no batch can follow.</summary>
    internal Action<LogStorageException>? Stopped { get; init; }

    /// <summary>Remembers what was signed, outside of the log's folder; null where nothing does.</summary>
    internal SignedState? Signed { get; set; }

    internal static LogStorageException Refused(LogStorageException failure) =>
        new($"the log takes no more submits: {failure.Message}", failure);

    /// <summary>Signs the head of the empty log. The map-history log starts with the empty map (Trustix).</summary>
    internal Task CreateAsync(CancellationToken cancellationToken) => CommitAsync([], [], areFirsts: true, cancellationToken);

    /// <summary>Runs until the queue is completed and empty.</summary>
    internal async Task RunAsync(ChannelReader<SubmitRequest> queue)
    {
        var batch = new SubmitBatch(state, options);
        // An idle log integrates the first request at once; while it does, others gather and form the next batch.
        while (await queue.WaitToReadAsync())
        {
            batch.Clear();
            while (batch.Items < options.MaxBatchEntries && batch.Bytes < options.MaxBatchBytes && queue.TryRead(out var request))
            {
                batch.Take(request);
            }
            try
            {
                await IntegrateAsync(batch);
            }
            catch (Exception e)
            {
                // Edge of the writer: nothing may leave a submitter waiting.
                foreach (var request in batch.Requests)
                {
                    request.Fail(_failure is { } failure ? Refused(failure) : e);
                }
            }
            Budget.Release(batch.Bytes);
        }
    }

    /// <summary>Judges the batch, and commits what is new of it under a head.</summary>
    internal async Task IntegrateAsync(SubmitBatch batch)
    {
        if (_failure is { } failure)
        {
            throw failure;
        }
        // Changes nothing outside the batch: if it throws, only the batch is lost.
        await batch.JudgeAsync(CancellationToken.None);
        var isNew = batch.Entries.Count > 0;
        if (isNew && LackFor(batch.Bytes) is { } lack)
        {
            await AnswerKnownAsync(batch, lack);
            return;
        }
        if (isNew)
        {
            await CommitAsync(batch.Entries, batch.Staged, batch.AreFirsts, CancellationToken.None);
        }
        var head = state.Snapshot!.Head;
        foreach (var request in batch.Requests)
        {
            request.Complete(head);
        }
        Published(batch, isNew);
    }

    /// <summary>Why this much cannot be logged now. A batch too large for what is left is refused by itself; the log is paused when it has no room for anything.</summary>
    string? LackFor(long bytes)
    {
        var lack = Lack;
        if (lack is not null != _isPaused)
        {
            _isPaused = !_isPaused;
            LackChanged?.Invoke(lack);
        }
        return lack ?? storage.LackOfRoom(BytesOnDisk * bytes);
    }

    /// <summary>Answers the requests of a batch in which all is logged already, as if each had come by itself, and refuses the others.</summary>
    async Task AnswerKnownAsync(SubmitBatch batch, string lack)
    {
        var head = state.Snapshot!.Head;
        var single = new SubmitBatch(state, options);
        foreach (var request in batch.Requests)
        {
            request.Reset();
            single.Clear();
            single.Take(request);
            await single.JudgeAsync(CancellationToken.None);
            if (single.Entries.Count == 0)
            {
                request.Complete(head);
                Published(single, false);
            }
            else
            {
                request.Fail(new LogOverloadedException($"log {options.Identity.Id}: {lack}, so nothing new is logged"));
            }
        }
    }

    async Task CommitAsync(List<FrameEntry> entries, List<StagedEntry> staged, bool areFirsts, CancellationToken cancellationToken)
    {
        try
        {
            var firstIndex = state.StagedSize;
            var (head, leaf) = MakeHead(staged, areFirsts);
            var time = options.Time.GetUtcNow();
            var offsets = new int[entries.Count];
            var position = await FrameAppender.AppendAsync(
                storage,
                new FrameContent(FrameKind.Head, firstIndex, time, head, [leaf], entries)
                {
                    // Of the same tree, in the same commit: there is never a head without its checkpoint.
                    CheckpointSignature = key.Sign(Checkpoint.Of(options.Origin!, head).ToText()),
                },
                offsets,
                cancellationToken
            );
            Signed?.Note(head);
            state.Place(CollectionsMarshal.AsSpan(staged), offsets, position);
            state.RecordHead(head, time, position);
            state.Show();
        }
        catch (Exception e)
        {
            // The state holds entries that no durable head covers: no batch may follow.
            var failure = e as LogStorageException ?? new LogStorageException($"the sequencer stopped: {e.Message}", e);
            _failure = failure;
            Stopped?.Invoke(failure);
            throw;
        }
    }

    (LogHead Head, Sha256Digest MapHistoryLeaf) MakeHead(List<StagedEntry> staged, bool areFirsts)
    {
        state.Stage(CollectionsMarshal.AsSpan(staged), areFirsts);
        var mapRoot = state.StagedMapRoot();
        var leaf = TreeHash.Leaf(mapRoot.AsSpan());
        state.StageMapHistory([leaf]);
        var (size, mhSize) = (state.Tree.Size, state.MapHistory.Size);
        return (LogHead.Sign(state.Tree.Root(size), size, mapRoot, state.MapHistory.Root(mhSize), mhSize, key), leaf);
    }
}
