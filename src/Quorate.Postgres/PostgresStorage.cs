using Npgsql;
using Quorate.Log;
using Quorate.Log.Sharing;
using Quorate.Log.Storage;

namespace Quorate.Postgres;

/// <summary>
/// One log in a database that speaks PostgreSQL's protocol. Format: docs/formats/postgresql.md. Used alone it is an <see cref="ILogStorage"/> like the write-ahead
/// file, except that appending needs the lease.
/// </summary>
public sealed class PostgresStorage : ISharedLogStorage
{
    static readonly TimeSpan s_silence = TimeSpan.FromSeconds(10);

    readonly PostgresDatabase _database;
    readonly FrameTable _frames;
    readonly byte[] _log;
    readonly string _logText;

    // A new one for every start: a process that comes back does not inherit what it held, because it may have been somebody else's since.
    readonly Guid _holder = NewId();
    readonly string _holderName = $"{Environment.MachineName}/{Environment.ProcessId}";

    // Touched by the one task that follows and appends.
    long _next = 1;
    long? _epoch;
    TimeSpan _lease;

    PostgresStorage(PostgresDatabase database, LogId log)
    {
        _database = database;
        _logText = log.Text;
        _log = Convert.FromHexString(log.Text);
        _frames = new FrameTable(database, log.Text, _log);
    }

    /// <summary>A database cuts off its own unfinished writes, and tells nobody.</summary>
    public TailRepair? Repair => null;

    public string Describe(FramePosition position)
    {
        var (frame, offset) = FrameChunk.Split(position);
        return $"table quorate_frame, log {_logText}, frame {frame}, offset {offset}";
    }

    /// <summary>Connects, and makes the tables and the log's row where they are missing.</summary>
    /// <exception cref="LogStorageException">The database does not answer, or is none that a log can be entrusted to.</exception>
    public static async Task<PostgresStorage> OpenAsync(PostgresSettings settings, LogId log, CancellationToken cancellationToken)
    {
        var database = new PostgresDatabase(settings);
        try
        {
            var storage = new PostgresStorage(database, log);
            await database.RunAsync((connection, token) => Schema.PrepareAsync(connection, storage._log, token), cancellationToken);
            return storage;
        }
        catch
        {
            await database.DisposeAsync();
            throw;
        }
    }

    public IEnumerable<StoredFrame> ReadFrames(FramePosition? from = null)
    {
        _next = from is { } position ? FrameChunk.Split(position).Frame : 1;
        return ReadNewFrames();
    }

    public StoredFrame? ReadFrame(FramePosition payload)
    {
        var (frame, offset) = FrameChunk.Split(payload);
        if (offset != 0 || frame < 1 || frame >= _database.Run(NextFrame))
        {
            return null;
        }
        try
        {
            // Copied while it is valid.
            foreach (var (_, bytes) in _frames.Read(frame, frame + 1))
            {
                return new StoredFrame(payload, bytes.ToArray());
            }
            return null;
        }
        catch (LogDamagedException)
        {
            return null;
        }
    }

    public IEnumerable<StoredFrame> ReadNewFrames()
    {
        var end = _database.Run(NextFrame);
        if (end < _next)
        {
            throw Rewound(end);
        }
        foreach (var (frame, payload) in _frames.Read(_next, end))
        {
            _next = frame + 1;
            yield return new StoredFrame(FrameChunk.PositionOf(frame), payload);
        }
    }

    public async ValueTask<string> EstablishOriginAsync(string wanted, CancellationToken cancellationToken) =>
        await _database.RunAsync(
            async (connection, token) =>
            {
                await using (var set = new NpgsqlBatch(connection) { BatchCommands = { Commands.SetOrigin(_log, wanted) } })
                {
                    await set.ExecuteNonQueryAsync(token);
                }
                // A statement of its own: it sees what another node set in the meantime.
                await using var get = new NpgsqlBatch(connection) { BatchCommands = { Commands.Origin(_log) } };
                return await get.ExecuteScalarAsync(token) as string ?? throw RowGone();
            },
            cancellationToken
        );

    public void SeekTo(ulong frames) => _next = checked((long)frames + 1);

    public async ValueTask<SharedLogStatus> StatusAsync(IReadOnlyCollection<Guid> awaited, CancellationToken cancellationToken)
    {
        var status = await _database.RunAsync(
            async (connection, token) =>
            {
                await using var batch = new NpgsqlBatch(connection) { BatchCommands = { Commands.Status(_log) } };
                if (awaited.Count > 0)
                {
                    batch.BatchCommands.Add(Commands.Answers(_log, [.. awaited]));
                }
                await using var reader = await batch.ExecuteReaderAsync(token);
                if (!await reader.ReadAsync(token))
                {
                    throw RowGone();
                }
                var holder = await reader.IsDBNullAsync(1, token) ? (Guid?)null : reader.GetGuid(1);
                var isFree = holder is null || holder == _holder || reader.GetBoolean(3);
                var found = new SharedLogStatus(
                    reader.GetInt64(0),
                    reader.GetInt64(4) != _next,
                    isFree,
                    holder is null || await reader.IsDBNullAsync(2, token) ? null : reader.GetString(2),
                    []
                );
                var answers = new List<SubmissionAnswer>();
                if (await reader.NextResultAsync(token))
                {
                    while (await reader.ReadAsync(token))
                    {
                        answers.Add(new SubmissionAnswer(reader.GetGuid(0), await reader.GetFieldValueAsync<byte[]>(1, token)));
                    }
                }
                return found with { Answers = answers };
            },
            cancellationToken
        );
        return status;
    }

    public async ValueTask<bool> TryTakeLeaseAsync(TimeSpan duration, CancellationToken cancellationToken)
    {
        _epoch = await _database.RunAsync(
            async (connection, token) =>
            {
                await using var batch = new NpgsqlBatch(connection)
                {
                    BatchCommands = { Commands.TakeLease(_log, _holder, _holderName, duration) },
                };
                return (long?)await batch.ExecuteScalarAsync(token);
            },
            cancellationToken
        );
        _lease = duration;
        return _epoch is not null;
    }

    public async ValueTask<bool> RenewLeaseAsync(CancellationToken cancellationToken)
    {
        if (_epoch is not { } epoch || await RunAsync(() => Commands.RenewLease(_log, epoch, _lease), cancellationToken) == 1)
        {
            return _epoch is not null;
        }
        _epoch = null;
        return false;
    }

    public async ValueTask ReleaseLeaseAsync(CancellationToken cancellationToken)
    {
        if (_epoch is { } epoch)
        {
            _epoch = null;
            await RunAsync(() => Commands.ReleaseLease(_log, epoch), cancellationToken);
        }
    }

    public async ValueTask EnqueueAsync(Guid id, ReadOnlyMemory<byte> submission, CancellationToken cancellationToken) =>
        await RunAsync(() => Commands.Enqueue(_log, id, submission), cancellationToken);

    public async ValueTask<IReadOnlyList<WaitingSubmission>> WaitingAsync(
        int maxCount,
        long maxBytes,
        CancellationToken cancellationToken
    ) =>
        await _database.RunAsync(
            async (connection, token) =>
            {
                var chosen = new List<Guid>();
                var bytes = 0L;
                await using (var batch = new NpgsqlBatch(connection) { BatchCommands = { Commands.Waiting(_log, maxCount) } })
                await using (var reader = await batch.ExecuteReaderAsync(token))
                {
                    while (await reader.ReadAsync(token) && (chosen.Count == 0 || bytes + reader.GetInt32(1) <= maxBytes))
                    {
                        chosen.Add(reader.GetGuid(0));
                        bytes += reader.GetInt32(1);
                    }
                }
                var waiting = new List<WaitingSubmission>(chosen.Count);
                if (chosen.Count > 0)
                {
                    await using var batch = new NpgsqlBatch(connection) { BatchCommands = { Commands.Submissions(_log, [.. chosen]) } };
                    await using var reader = await batch.ExecuteReaderAsync(token);
                    while (await reader.ReadAsync(token))
                    {
                        waiting.Add(new WaitingSubmission(reader.GetGuid(0), await reader.GetFieldValueAsync<byte[]>(1, token)));
                    }
                }
                return waiting;
            },
            cancellationToken
        );

    public ValueTask<FramePosition> AppendAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken) =>
        CommitAsync(payload, [], cancellationToken);

    public async ValueTask<FramePosition> CommitAsync(
        ReadOnlyMemory<byte>? payload,
        IReadOnlyList<SubmissionAnswer> answers,
        CancellationToken cancellationToken
    )
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(payload?.Length ?? 0, FrameChunk.MaxFrame);
        var epoch = _epoch ?? throw Lost();
        var (frame, next) = (_next, payload is null ? _next : _next + 1);
        FrameChunk[] chunks = payload is { } bytes ? [.. FrameChunk.Cut(frame, bytes)] : [];
        var position = FrameChunk.PositionOf(frame);
        var committed = await _database.RunAsync(
            async (connection, token) =>
            {
                await using var transaction = await connection.BeginTransactionAsync(token);
                await using var batch = new NpgsqlBatch(connection, transaction);
                var swap = Commands.Swap(_log, epoch, frame, next, _lease);
                var dequeue = Commands.Dequeue(_log, [.. answers.Select(a => a.Id)]);
                batch.BatchCommands.Add(Commands.LimitSilence(_lease < s_silence ? _lease : s_silence));
                batch.BatchCommands.Add(swap);
                foreach (var chunk in chunks)
                {
                    batch.BatchCommands.Add(Commands.InsertChunk(_log, epoch, chunk));
                }
                if (answers.Count > 0)
                {
                    batch.BatchCommands.Add(dequeue);
                    foreach (var answer in answers)
                    {
                        batch.BatchCommands.Add(Commands.Answer(_log, answer, next - 1));
                    }
                }
                try
                {
                    await batch.ExecuteNonQueryAsync(token);
                }
                catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
                {
                    // Whoever superseded us appended this very frame, and the insert ran before anybody looked at the swap.
                    return false;
                }
                if (swap.RecordsAffected != 1 || (answers.Count > 0 && dequeue.RecordsAffected != answers.Count))
                {
                    // Disposing of the transaction rolls it back.
                    return false;
                }
                await transaction.CommitAsync(token);
                return true;
            },
            cancellationToken
        );
        if (!committed)
        {
            _epoch = null;
            throw Lost();
        }
        _next = next;
        return position;
    }

    public async ValueTask<ReadOnlyMemory<byte>?> CheckpointAsync(CancellationToken cancellationToken) =>
        await _database.RunAsync(
            async (connection, token) =>
            {
                await using var batch = new NpgsqlBatch(connection) { BatchCommands = { Commands.Checkpoint(_log) } };
                return await batch.ExecuteScalarAsync(token) is byte[] note ? note.AsMemory() : (ReadOnlyMemory<byte>?)null;
            },
            cancellationToken
        );

    public async ValueTask<bool> KeepCheckpointAsync(ulong size, ReadOnlyMemory<byte> note, CancellationToken cancellationToken) =>
        await RunAsync(() => Commands.KeepCheckpoint(_log, _holder, checked((long)size), note), cancellationToken) == 1;

    public async ValueTask ForgetAnswersAsync(IReadOnlyCollection<Guid> read, CancellationToken cancellationToken) =>
        await RunAsync(() => Commands.ForgetAnswers(_log, [.. read]), cancellationToken);

    public ValueTask<int> ReadAsync(FramePosition position, Memory<byte> destination, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult(_frames.Read(position, destination.Span));
    }

    public int Read(FramePosition position, Span<byte> destination) => _frames.Read(position, destination);

    /// <inheritdoc/>
    /// <remarks>For logs that one node has for itself: nobody else may have read the frames.</remarks>
    public async ValueTask TruncateAsync(FramePosition payload, CancellationToken cancellationToken)
    {
        var epoch = _epoch ?? throw Lost();
        var (frame, offset) = FrameChunk.Split(payload);
        if (offset != 0 || frame < 1 || frame >= _next)
        {
            throw new ArgumentException("no frame begins there", nameof(payload));
        }
        var truncated = await _database.RunAsync(
            async (connection, token) =>
            {
                await using var transaction = await connection.BeginTransactionAsync(token);
                var swap = Commands.Swap(_log, epoch, _next, frame, _lease);
                await using var batch = new NpgsqlBatch(connection, transaction)
                {
                    BatchCommands = { swap, Commands.DeleteFrames(_log, frame) },
                };
                await batch.ExecuteNonQueryAsync(token);
                if (swap.RecordsAffected == 1)
                {
                    await transaction.CommitAsync(token);
                }
                return swap.RecordsAffected == 1;
            },
            cancellationToken
        );
        if (!truncated)
        {
            throw Lost();
        }
        _next = frame;
    }

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    // A command belongs to one batch; a repeated attempt needs a new one.
    async Task<int> RunAsync(Func<NpgsqlBatchCommand> command, CancellationToken cancellationToken) =>
        await _database.RunAsync(
            async (connection, token) =>
            {
                await using var batch = new NpgsqlBatch(connection) { BatchCommands = { command() } };
                return await batch.ExecuteNonQueryAsync(token);
            },
            cancellationToken
        );

    long NextFrame(NpgsqlConnection connection)
    {
        using var batch = new NpgsqlBatch(connection) { BatchCommands = { Commands.NextFrame(_log) } };
        return batch.ExecuteScalar() as long? ?? throw RowGone();
    }

    static Guid NewId()
    {
        Span<byte> bytes = stackalloc byte[16];
        System.Security.Cryptography.RandomNumberGenerator.Fill(bytes);
        return new Guid(bytes);
    }

    LeaseLostException Lost() => new($"log {_logText}: another node sequences it now");

    LogDamagedException Rewound(long end) =>
        new(
            $"log {_logText}: the database has {end - 1} frames, but this node has read {_next - 1}: it was restored from a backup, or failed over to a replica that lacked them"
        );

    LogDamagedException RowGone() => new($"log {_logText}: its row is gone from the table quorate_log");
}
