using Quorate.Crypto;
using Quorate.Log.Indexing;
using Quorate.Log.Storage;

namespace Quorate.Log.Sharing;

/// <summary>
/// The one task that changes a node's state of a shared log. It follows what others commit until it gets the lease, then sequences until it loses it.
/// Everything that goes wrong with the database ends the same way: drop what is staged, read what is committed, begin anew.
/// </summary>
sealed class SharedLogMember(
    LogState state,
    PublishedLogOptions options,
    SharedLogOptions sharing,
    Ed25519PrivateKey key,
    LocalCopy storage,
    Outbox outbox
) : IDisposable
{
    // After a submission could not be judged, so many are taken one by one: the bad one is refused, and the others are not.
    const int SingleSteps = 64;
    const int ForgetAtOnce = 64;

    readonly SemaphoreSlim _wake = new(0);
    readonly Lock _behind = new();
    List<TaskCompletionSource>? _waitForStep = [];
    int _isAwake;
    int _singleSteps;
    long _renewed;
    volatile bool _maySign = !sharing.AwaitsWitnesses;
    volatile SequencingTerm? _term;
    volatile string? _fault;
    volatile string? _holder;
    volatile LogStorageException? _failure;

    /// <summary>Holds the lease, as far as it knows, and makes frames.</summary>
    internal bool IsSequencer => _term is not null && _maySign;

    internal string? Holder => _holder;

    internal string? Fault => _fault;

    internal LogStorageException? Failure => _failure;

    /// <summary>Remembers which heads this node has shown; null where nothing does. Set once, before the task runs.</summary>
    internal SignedState? Signed
    {
        get;
        set
        {
            field = value;
            if (_term is { } term)
            {
                term.Signed = value;
            }
        }
    }

    /// <summary>Told after the state showed a new head.</summary>
    internal required Action Advanced { get; init; }

    /// <summary>Told once, when the disk of this node failed.</summary>
    internal required Action<LogStorageException> CopyFailed { get; init; }

    /// <summary>Ends the current pause.</summary>
    internal void Wake()
    {
        if (Interlocked.Exchange(ref _isAwake, 1) == 0)
        {
            _wake.Release();
        }
    }

    /// <summary>Lets this node sequence the log, which had to wait for its witnesses.</summary>
    internal void BeginSigning()
    {
        _maySign = true;
        Wake();
    }

    /// <summary>Signs nothing more, and keeps the lease until it runs out: another node has to find out by itself, and should not have to hurry.</summary>
    internal void Refuse(LogStorageException reason)
    {
        _failure ??= reason;
        Wake();
    }

    /// <summary>Returns when this node has every frame that was committed before the call.</summary>
    /// <exception cref="LogStorageException">The log is closed, or given up.</exception>
    internal async Task CatchUpAsync(CancellationToken cancellationToken)
    {
        var step = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_behind)
        {
            if (_waitForStep is null)
            {
                throw Ended();
            }
            _waitForStep.Add(step);
        }
        Wake();
        await step.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Returns when the log has a head, be it made by this node or by another one.</summary>
    internal async Task CreateAsync(CancellationToken cancellationToken)
    {
        while (state.Snapshot is null)
        {
            try
            {
                await StepAsync(mustBeCurrent: false, cancellationToken);
            }
            catch (LeaseLostException e)
            {
                StepDown(e.Message);
            }
            if (state.Snapshot is null)
            {
                await Task.Delay(sharing.QueueInterval, options.Time, cancellationToken);
            }
        }
    }

    internal async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (_failure is null)
            {
                var pause = await TryStepAsync(cancellationToken);
                if (pause > TimeSpan.Zero)
                {
                    await _wake.WaitAsync(pause, cancellationToken);
                    Volatile.Write(ref _isAwake, 0);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Closing. Whatever this node had staged was dropped, or is committed.
        }
        outbox.Fail(Ended());
        TakeBehind(andLater: true).ForEach(step => step.TrySetException(Ended()));
        if (_failure is null or LogDamagedException or CopyFailedException)
        {
            await GiveLeaseBackAsync();
        }
    }

    /// <summary>Takes no more submits, and returns when all have their answers or time is up.</summary>
    internal async Task DrainAsync(CancellationToken cancellationToken)
    {
        try
        {
            await outbox.CompleteAsync().WaitAsync(cancellationToken);
            while (!outbox.IsEmpty && _failure is null)
            {
                await Task.Delay(sharing.QueueInterval, options.Time, cancellationToken);
            }
        }
        catch (OperationCanceledException)
        {
            // What is queued may still be logged; nobody will be told.
        }
    }

    public void Dispose() => _wake.Dispose();

    /// <summary>The edge of the task: nothing that happens in a step may end it, or submitters would wait for good.</summary>
    async Task<TimeSpan> TryStepAsync(CancellationToken cancellationToken)
    {
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            var behind = TakeBehind();
            TimeSpan pause;
            try
            {
                pause = await StepAsync(behind.Count > 0, cancellationToken);
            }
            catch
            {
                PutBack(behind);
                throw;
            }
            behind.ForEach(step => step.TrySetResult());
            if (_fault is not null)
            {
                _fault = null;
                Tell(new SharedLogEvent.Recovered());
            }
            return pause;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            StepDown("closing");
            throw;
        }
        catch (LogStorageException e) when (e is LogDamagedException or CopyFailedException)
        {
            // No other node's frames can make this right: what was shown here is not what the database holds, or cannot be kept here.
            StepDown(e.Message);
            _failure = e;
            Tell(new SharedLogEvent.Failed(e.Message));
            if (e is CopyFailedException)
            {
                CopyFailed(e);
            }
            return TimeSpan.Zero;
        }
        catch (LeaseLostException e)
        {
            StepDown(e.Message);
            return TimeSpan.Zero;
        }
        catch (Exception e)
        {
            if (e is not LogStorageException)
            {
                _singleSteps = SingleSteps;
            }
            StepDown(e.Message);
            if (_fault is null)
            {
                Tell(new SharedLogEvent.Faulted(e.Message));
            }
            _fault = e.Message;
            return sharing.RetryInterval;
        }
    }

    /// <param name="mustBeCurrent">Also a sequencer asks the database whether it still is one.</param>
    async Task<TimeSpan> StepAsync(bool mustBeCurrent, CancellationToken cancellationToken) =>
        _term is { } term ? await SequenceAsync(term, mustBeCurrent, cancellationToken) : await FollowAsync(cancellationToken);

    async Task<TimeSpan> FollowAsync(CancellationToken cancellationToken)
    {
        var status = await storage.StatusAsync(outbox.Awaited, cancellationToken);
        _holder = status.Holder;
        if (status.HasNewFrames || status.Answers.Count > 0)
        {
            CatchUp(cancellationToken);
        }
        if (state.Snapshot is { } snapshot)
        {
            foreach (var answer in status.Answers)
            {
                outbox.Settle(answer, snapshot.Head);
            }
        }
        await ForgetAsync(cancellationToken);
        if (status.LeaseIsFree && (_maySign || state.Snapshot is null) && await TryTakeLeaseAsync(cancellationToken))
        {
            return TimeSpan.Zero;
        }
        return outbox.IsEmpty ? sharing.FollowInterval : sharing.QueueInterval;
    }

    async Task<bool> TryTakeLeaseAsync(CancellationToken cancellationToken)
    {
        var asked = options.Time.GetTimestamp();
        if (!await storage.TryTakeLeaseAsync(sharing.Lease, cancellationToken))
        {
            return false;
        }
        _renewed = asked;
        // Whoever held the lease before can append nothing from here on; so what is read now is everything.
        CatchUp(cancellationToken);
        var term = new SequencingTerm(state, storage, options, key, Advanced) { Signed = Signed };
        _term = term;
        if (state.Snapshot is null)
        {
            await term.CreateAsync(cancellationToken);
        }
        Tell(new SharedLogEvent.TookLease());
        return true;
    }

    async Task<TimeSpan> SequenceAsync(SequencingTerm term, bool mustBeCurrent, CancellationToken cancellationToken)
    {
        var asked = options.Time.GetTimestamp();
        IReadOnlyList<SubmissionAnswer> answers = _maySign ? await term.StepAsync(_singleSteps > 0, cancellationToken) : [];
        if (answers.Count > 0)
        {
            _renewed = asked;
            _singleSteps = Math.Max(0, _singleSteps - 1);
            var head = state.Snapshot!.Head;
            foreach (var answer in answers)
            {
                outbox.Settle(answer, head);
            }
            await ForgetAsync(cancellationToken);
        }
        // As long as nobody else took the lease, nobody else appended.
        if (mustBeCurrent || options.Time.GetElapsedTime(_renewed) > sharing.Lease / 3)
        {
            if (!await storage.RenewLeaseAsync(cancellationToken))
            {
                throw new LeaseLostException($"log {options.Identity.Id}: another node took the lease");
            }
            _renewed = asked;
        }
        return answers.Count > 0 ? TimeSpan.Zero : sharing.QueueInterval;
    }

    LogStorageException Ended() => _failure ?? new LogStorageException($"log {options.Identity.Id}: closed before the sequencer answered");

    List<TaskCompletionSource> TakeBehind(bool andLater = false)
    {
        lock (_behind)
        {
            var taken = _waitForStep!;
            _waitForStep = andLater ? null : [];
            return taken;
        }
    }

    void PutBack(List<TaskCompletionSource> steps)
    {
        lock (_behind)
        {
            _waitForStep!.AddRange(steps);
        }
    }

    void CatchUp(CancellationToken cancellationToken)
    {
        // Each frame of a shared log has one head.
        if ((state.Snapshot?.HeadCount ?? 0) != storage.Count)
        {
            throw new LogDamagedException(
                $"log {options.Identity.Id}: a frame was stored, but could not be taken over; restart the node",
                storage.Folder
            );
        }
        if (Replay.Follow(state, storage.ReadNewFrames(), options.Identity, cancellationToken))
        {
            Signed?.Note(state.Snapshot!.Head);
            Advanced();
        }
    }

    void StepDown(string reason)
    {
        if (_term is null)
        {
            return;
        }
        _term = null;
        state.DropStaged();
        Tell(new SharedLogEvent.LostLease(reason));
    }

    async Task ForgetAsync(CancellationToken cancellationToken)
    {
        if (outbox.TakeRead(ForgetAtOnce) is { Count: > 0 } read)
        {
            await storage.ForgetAnswersAsync(read, cancellationToken);
        }
    }

    async Task GiveLeaseBackAsync()
    {
        try
        {
            if (outbox.TakeRead(1) is { Count: > 0 } read)
            {
                await storage.ForgetAnswersAsync(read, CancellationToken.None);
            }
            await storage.ReleaseLeaseAsync(CancellationToken.None);
        }
        catch (LogStorageException)
        {
            // It runs out by itself.
        }
    }

    void Tell(SharedLogEvent what) => sharing.Observer?.Invoke(what);
}
