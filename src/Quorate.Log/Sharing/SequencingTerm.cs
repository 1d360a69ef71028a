using Quorate.Crypto;
using Quorate.Log.Indexing;
using Quorate.Log.Sequencing;
using Quorate.Log.Storage;

namespace Quorate.Log.Sharing;

/// <summary>
/// What a node does while it holds the lease: takes submissions from the queue, and commits their entries, the head over them and their answers in one
/// transaction. Ends with the first exception; then whatever is staged must be dropped.
/// </summary>
sealed class SequencingTerm
{
    const int MaxSubmissions = 64;

    readonly ISharedLogStorage _storage;
    readonly PublishedLogOptions _options;
    readonly SubmitBatch _batch;
    readonly Sequencer _sequencer;
    readonly List<(Guid Id, List<SubmitRequest>? Requests)> _taken = [];
    List<SubmissionAnswer>? _committed;

    internal SequencingTerm(LogState state, ISharedLogStorage storage, PublishedLogOptions options, Ed25519PrivateKey key, Action advanced)
    {
        (_storage, _options) = (storage, options);
        _batch = new SubmitBatch(state, options);
        _sequencer = new Sequencer(state, new AnsweringStorage(this), options, key)
        {
            Published = (_, isNew) =>
            {
                if (isNew)
                {
                    advanced();
                }
            },
        };
    }

    /// <summary>Remembers what was signed; null where nothing does.</summary>
    internal SignedState? Signed
    {
        set => _sequencer.Signed = value;
    }

    /// <summary>Signs the head of the empty log.</summary>
    internal async Task CreateAsync(CancellationToken cancellationToken)
    {
        _taken.Clear();
        await _sequencer.CreateAsync(cancellationToken);
    }

    /// <summary>Sequences what waits longest, and returns the answers; empty when nothing waits.</summary>
    /// <param name="one">Take one submission only, and refuse it if it cannot be judged.</param>
    internal async Task<IReadOnlyList<SubmissionAnswer>> StepAsync(bool one, CancellationToken cancellationToken)
    {
        var waiting = await _storage.WaitingAsync(one ? 1 : MaxSubmissions, _options.MaxBatchBytes, cancellationToken);
        if (waiting.Count == 0)
        {
            return [];
        }
        _taken.Clear();
        _batch.Clear();
        _committed = null;
        foreach (var submission in waiting)
        {
            var requests = Read(submission.Bytes);
            _taken.Add((submission.Id, requests));
            requests?.ForEach(_batch.Take);
        }
        try
        {
            await _sequencer.IntegrateAsync(_batch);
        }
        catch (Exception e) when (one && _committed is null && e is not (LogStorageException or OperationCanceledException))
        {
            // Nobody can log it, and whatever waits behind it must not wait forever.
            var refusal = AnswerFormat.WriteRefusal($"the submission cannot be logged: {e.Message}");
            await CommitAsync(null, [new SubmissionAnswer(waiting[0].Id, refusal)], CancellationToken.None);
        }
        // A batch of duplicates makes no frame.
        if (_committed is null)
        {
            await CommitAsync(null, Answers(), CancellationToken.None);
        }
        return _committed!;
    }

    // Another node may have other limits, and anybody who can write the table may have written anything.
    List<SubmitRequest>? Read(ReadOnlyMemory<byte> bytes)
    {
        if (!SubmissionFormat.TryRead(bytes, out var submits))
        {
            return null;
        }
        var requests = new List<SubmitRequest>(submits.Count);
        var total = 0L;
        foreach (var submit in submits)
        {
            long size;
            try
            {
                size = SubmitLimits.Check(submit, _options);
            }
            catch (LogInputException)
            {
                return null;
            }
            total += size;
            requests.Add(new SubmitRequest([.. submit.Select(PreparedItem.Of)], size));
        }
        return total <= Math.Max(_options.MaxBatchBytes, _options.MaxSubmitBytes) ? requests : null;
    }

    List<SubmissionAnswer> Answers() =>
        [
            .. _taken.Select(t => new SubmissionAnswer(
                t.Id,
                t.Requests is null
                    ? AnswerFormat.WriteRefusal("the submission is malformed, or over the limits of the node that sequences the log")
                    : AnswerFormat.Write([
                        .. t.Requests.Select(r => new SubmitOutcome(r.Added, r.Duplicates, r.Divergences ?? [], r.Refusal)),
                    ])
            )),
        ];

    async ValueTask<FramePosition> CommitAsync(
        ReadOnlyMemory<byte>? payload,
        List<SubmissionAnswer> answers,
        CancellationToken cancellationToken
    )
    {
        var position = await _storage.CommitAsync(payload, answers, cancellationToken);
        _committed = answers;
        return position;
    }

    /// <summary>The shared storage as the sequencer sees it: each frame takes the answers of its batch along.</summary>
    sealed class AnsweringStorage(SequencingTerm term) : ILogStorage
    {
        public TailRepair? Repair => null;

        public string? Folder => term._storage.Folder;

        public string Describe(FramePosition position) => term._storage.Describe(position);

        // By now every item of the batch was judged.
        public ValueTask<FramePosition> AppendAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken) =>
            term.CommitAsync(payload, term.Answers(), cancellationToken);

        public IEnumerable<StoredFrame> ReadFrames(FramePosition? from = null) => term._storage.ReadFrames(from);

        public StoredFrame? ReadFrame(FramePosition payload) => term._storage.ReadFrame(payload);

        public ValueTask<int> ReadAsync(FramePosition position, Memory<byte> destination, CancellationToken cancellationToken) =>
            term._storage.ReadAsync(position, destination, cancellationToken);

        public int Read(FramePosition position, Span<byte> destination) => term._storage.Read(position, destination);

        public ValueTask TruncateAsync(FramePosition payload, CancellationToken cancellationToken) =>
            throw new NotSupportedException("other nodes may have read the frames of a shared log");

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
