using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Threading.Channels;
using Quorate.Log.Sequencing;
using Quorate.Log.Storage;

namespace Quorate.Log.Sharing;

/// <summary>
/// Submits of this node on their way to the sequencer and back. Whatever waits is sent as one submission; while some are under way, more gather. Its
/// room is given free when the answer is there, so that memory stays bounded however slow the sequencer is.
/// </summary>
sealed class Outbox : IDisposable
{
    readonly LogIdentity _identity;
    readonly PublishedLogOptions _options;
    readonly SharedLogOptions _sharing;
    readonly ISharedLogStorage _storage;
    readonly Channel<SubmitRequest> _waiting;
    readonly QueueBudget _budget;
    readonly SemaphoreSlim _slots;
    readonly ConcurrentDictionary<Guid, List<SubmitRequest>> _sent = new();
    readonly ConcurrentQueue<Guid> _read = new();
    readonly CancellationTokenSource _stopping = new();
    volatile LogStorageException? _failure;
    volatile bool _isComplete;
    int _requests;
    Task _sending = Task.CompletedTask;

    internal Outbox(PublishedLogOptions options, SharedLogOptions sharing, ISharedLogStorage storage)
    {
        (_identity, _options, _sharing, _storage) = (options.Identity, options, sharing, storage);
        _waiting = Channel.CreateBounded<SubmitRequest>(
            new BoundedChannelOptions(options.MaxQueuedSubmits) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait }
        );
        _budget = new QueueBudget(options.MaxQueuedBytes);
        _slots = new SemaphoreSlim(sharing.MaxOutstanding);
    }

    /// <summary>Told after a submission was queued.</summary>
    internal required Action Sent { get; init; }

    /// <summary>Told what a submit said that its key's first value does not.</summary>
    internal required Action<SelfDivergence> Diverged { get; init; }

    /// <summary>Submissions without an answer yet.</summary>
    internal IReadOnlyCollection<Guid> Awaited => _sent.IsEmpty ? [] : [.. _sent.Keys];

    internal bool IsEmpty => Volatile.Read(ref _requests) == 0;

    internal void Start() => _sending = Task.Run(SendAsync, CancellationToken.None);

    // A caller that stops waiting does not take back what it submitted.
    internal async Task<SubmitResult> SubmitAsync(SubmitRequest request, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isComplete, this);
        if (_failure is { } failure)
        {
            throw Sequencer.Refused(failure);
        }
        if (!_budget.TryReserve(request.Bytes))
        {
            throw Overloaded();
        }
        if (Interlocked.Increment(ref _requests) > _options.MaxQueuedSubmits || !_waiting.Writer.TryWrite(request))
        {
            Release(request);
            ObjectDisposedException.ThrowIf(_isComplete, this);
            throw _failure is { } late ? Sequencer.Refused(late) : Overloaded();
        }
        return await request.Completion.WaitAsync(cancellationToken);
    }

    /// <summary>Completes the submits of one submission, if it is one of this node's. The state must show everything that the answer speaks of.</summary>
    internal void Settle(in SubmissionAnswer answer, LogHead head)
    {
        if (!_sent.TryRemove(answer.Id, out var requests))
        {
            return;
        }
        _read.Enqueue(answer.Id);
        _slots.Release();
        var isRead = AnswerFormat.TryRead(answer.Bytes, out var outcomes, out var refusal);
        for (var i = 0; i < requests.Count; i++)
        {
            var request = requests[i];
            if (refusal is not null)
            {
                request.Fail(new LogInputException(refusal));
            }
            else if (!isRead || outcomes.Count != requests.Count)
            {
                request.Fail(new LogStorageException($"log {_identity.Id}: the sequencer's answer cannot be read"));
            }
            else
            {
                (request.Added, request.Duplicates, request.Divergences, request.Refusal) = (
                    outcomes[i].Added,
                    outcomes[i].Duplicates,
                    [.. outcomes[i].Divergences],
                    outcomes[i].Refusal
                );
                foreach (var divergence in outcomes[i].Divergences)
                {
                    Diverged(divergence);
                }
                request.Complete(head);
            }
            Release(request);
        }
    }

    /// <summary>Answers that were read and may be removed, once there are <paramref name="least"/> of them.</summary>
    internal List<Guid> TakeRead(int least)
    {
        var read = new List<Guid>();
        if (_read.Count < least)
        {
            return read;
        }
        while (_read.TryDequeue(out var id))
        {
            read.Add(id);
        }
        return read;
    }

    /// <summary>Takes no more submits; returns when those that wait were sent.</summary>
    internal async Task CompleteAsync()
    {
        _isComplete = true;
        _waiting.Writer.TryComplete();
        await _sending;
    }

    /// <summary>Tells everyone who still waits, and everyone who comes later, why there will be no answer.</summary>
    internal void Fail(LogStorageException failure)
    {
        _failure = failure;
        _waiting.Writer.TryComplete();
        // The sender is the reader of what waits; it ends by failing that.
        _stopping.Cancel();
        FailSent(failure);
    }

    public void Dispose()
    {
        _stopping.Dispose();
        _slots.Dispose();
    }

    async Task SendAsync()
    {
        try
        {
            while (await _waiting.Reader.WaitToReadAsync(_stopping.Token))
            {
                await _slots.WaitAsync(_stopping.Token);
                await SendAsync(Gather());
            }
        }
        catch (OperationCanceledException)
        {
            var failure = _failure!;
            FailSent(failure);
            while (_waiting.Reader.TryRead(out var request))
            {
                Fail([request], failure);
            }
        }
    }

    List<SubmitRequest> Gather()
    {
        var batch = new List<SubmitRequest>();
        var (items, bytes) = (0L, 0L);
        while (
            batch.Count < SubmissionFormat.MaxSubmits
            && items < _options.MaxBatchEntries
            && _waiting.Reader.TryPeek(out var next)
            && (batch.Count == 0 || bytes + next.Bytes <= _options.MaxBatchBytes)
            && _waiting.Reader.TryRead(out var request)
        )
        {
            batch.Add(request);
            items += request.Items.Length;
            bytes += request.Bytes;
        }
        return batch;
    }

    async Task SendAsync(List<SubmitRequest> batch)
    {
        var id = NewId();
        var bytes = SubmissionFormat.Write([
            .. batch.Select(r => (IReadOnlyList<SubmitItem>)[.. r.Items.Select(i => new SubmitItem(i.Key, i.Value))]),
        ]);
        // Before it is queued: its answer may be there before we know that it was.
        _sent[id] = batch;
        while (true)
        {
            try
            {
                await _storage.EnqueueAsync(id, bytes, _stopping.Token);
                Sent();
                return;
            }
            catch (LogStorageException)
            {
                // Whether it was queued is open; the same name makes repeating it harmless. Whoever follows the log reports the fault.
                await Task.Delay(_sharing.RetryInterval, _options.Time, _stopping.Token);
            }
        }
    }

    void FailSent(LogStorageException failure)
    {
        foreach (var id in _sent.Keys)
        {
            if (_sent.TryRemove(id, out var requests))
            {
                Fail(requests, failure);
            }
        }
    }

    void Fail(IEnumerable<SubmitRequest> requests, LogStorageException failure)
    {
        foreach (var request in requests)
        {
            request.Fail(Sequencer.Refused(failure));
            Release(request);
        }
    }

    void Release(SubmitRequest request)
    {
        Interlocked.Decrement(ref _requests);
        _budget.Release(request.Bytes);
    }

    LogOverloadedException Overloaded() => new($"log {_identity.Id}: too much waits to be logged");

    static Guid NewId()
    {
        Span<byte> bytes = stackalloc byte[16];
        RandomNumberGenerator.Fill(bytes);
        return new Guid(bytes);
    }
}
