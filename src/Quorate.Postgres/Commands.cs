using Npgsql;
using Quorate.Log.Sharing;

namespace Quorate.Postgres;

/// <summary>The statements, each with its parameters. <c>$1</c> is the log in all that concern one.</summary>
static class Commands
{
    // Answers whose node never came back for them.
    static readonly TimeSpan s_answerAge = TimeSpan.FromHours(24);

    internal static NpgsqlBatchCommand Status(byte[] log) =>
        Make("SELECT epoch, holder, holder_name, lease_until < now(), next_frame FROM quorate_log WHERE log = $1", log);

    internal static NpgsqlBatchCommand SetOrigin(byte[] log, string origin) =>
        Make("UPDATE quorate_log SET origin = $2 WHERE log = $1 AND origin IS NULL", log, origin);

    internal static NpgsqlBatchCommand Origin(byte[] log) => Make("SELECT origin FROM quorate_log WHERE log = $1", log);

    internal static NpgsqlBatchCommand Answers(byte[] log, Guid[] ids) =>
        Make("SELECT id, bytes FROM quorate_answer WHERE log = $1 AND id = ANY ($2)", log, ids);

    internal static NpgsqlBatchCommand TakeLease(byte[] log, Guid holder, string name, TimeSpan duration) =>
        Make(
            "UPDATE quorate_log SET epoch = epoch + 1, holder = $2, holder_name = $3, lease_until = now() + $4"
                + " WHERE log = $1 AND (lease_until < now() OR holder = $2) RETURNING epoch",
            log,
            holder,
            name,
            duration
        );

    internal static NpgsqlBatchCommand RenewLease(byte[] log, long epoch, TimeSpan duration) =>
        Make("UPDATE quorate_log SET lease_until = now() + $3 WHERE log = $1 AND epoch = $2", log, epoch, duration);

    internal static NpgsqlBatchCommand ReleaseLease(byte[] log, long epoch) =>
        Make("UPDATE quorate_log SET lease_until = now(), holder = NULL, holder_name = NULL WHERE log = $1 AND epoch = $2", log, epoch);

    /// <summary>
    /// Ends the transaction when its node says nothing for so long: one that was stopped between the swap and the commit would keep the log's row locked.
    /// </summary>
    internal static NpgsqlBatchCommand LimitSilence(TimeSpan silence) =>
        Make("SELECT set_config('idle_in_transaction_session_timeout', $1, true)", $"{(long)silence.TotalMilliseconds}ms");

    /// <summary>The compare-and-swap that everything hangs on.</summary>
    internal static NpgsqlBatchCommand Swap(byte[] log, long epoch, long expected, long next, TimeSpan duration) =>
        Make(
            "UPDATE quorate_log SET next_frame = $4, lease_until = now() + $5 WHERE log = $1 AND epoch = $2 AND next_frame = $3",
            log,
            epoch,
            expected,
            next,
            duration
        );

    internal static NpgsqlBatchCommand InsertChunk(byte[] log, long epoch, in FrameChunk chunk) =>
        Make(
            "INSERT INTO quorate_frame (log, frame, chunk, length, epoch, digest, bytes) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            log,
            chunk.Frame,
            chunk.Number,
            chunk.Length,
            epoch,
            chunk.Digest(log),
            chunk.Bytes
        );

    internal static NpgsqlBatchCommand DeleteFrames(byte[] log, long from) =>
        Make("DELETE FROM quorate_frame WHERE log = $1 AND frame >= $2", log, from);

    internal static NpgsqlBatchCommand NextFrame(byte[] log) => Make("SELECT next_frame FROM quorate_log WHERE log = $1", log);

    /// <summary>Pages by key: no cursor is kept in the database.</summary>
    internal static NpgsqlBatchCommand Chunks(byte[] log, long frame, int chunk, long end, int limit) =>
        Make(
            "SELECT frame, chunk, length, digest, bytes FROM quorate_frame"
                + " WHERE log = $1 AND (frame, chunk) >= ($2, $3) AND frame < $4 ORDER BY frame, chunk LIMIT $5",
            log,
            frame,
            chunk,
            end,
            limit
        );

    // An answer that is there already means that this submission was sequenced before, and its node only did not learn that it was queued.
    internal static NpgsqlBatchCommand Enqueue(byte[] log, Guid id, ReadOnlyMemory<byte> bytes) =>
        Make(
            "INSERT INTO quorate_submission (log, id, queued_at, size, bytes) SELECT $1, $2, now(), $3, $4"
                + " WHERE NOT EXISTS (SELECT 1 FROM quorate_answer WHERE log = $1 AND id = $2) ON CONFLICT DO NOTHING",
            log,
            id,
            bytes.Length,
            bytes
        );

    internal static NpgsqlBatchCommand Waiting(byte[] log, int limit) =>
        Make("SELECT id, size FROM quorate_submission WHERE log = $1 ORDER BY queued_at, id LIMIT $2", log, limit);

    internal static NpgsqlBatchCommand Submissions(byte[] log, Guid[] ids) =>
        Make("SELECT id, bytes FROM quorate_submission WHERE log = $1 AND id = ANY ($2) ORDER BY queued_at, id", log, ids);

    internal static NpgsqlBatchCommand Dequeue(byte[] log, Guid[] ids) =>
        Make("DELETE FROM quorate_submission WHERE log = $1 AND id = ANY ($2)", log, ids);

    internal static NpgsqlBatchCommand Answer(byte[] log, in SubmissionAnswer answer, long frame) =>
        Make(
            "INSERT INTO quorate_answer (log, id, answered_at, frame, bytes) VALUES ($1, $2, now(), $3, $4) ON CONFLICT DO NOTHING",
            log,
            answer.Id,
            frame,
            answer.Bytes
        );

    internal static NpgsqlBatchCommand Checkpoint(byte[] log) => Make("SELECT note FROM quorate_checkpoint WHERE log = $1", log);

    // The lease only keeps nodes from working against each other; that the size never goes back is what counts.
    internal static NpgsqlBatchCommand KeepCheckpoint(byte[] log, Guid holder, long size, ReadOnlyMemory<byte> note) =>
        Make(
            "INSERT INTO quorate_checkpoint (log, size, note) SELECT $1, $3, $4 FROM quorate_log WHERE log = $1 AND holder = $2"
                + " ON CONFLICT (log) DO UPDATE SET size = excluded.size, note = excluded.note WHERE quorate_checkpoint.size <= excluded.size",
            log,
            holder,
            size,
            note
        );

    internal static NpgsqlBatchCommand ForgetAnswers(byte[] log, Guid[] ids) =>
        Make("DELETE FROM quorate_answer WHERE log = $1 AND (id = ANY ($2) OR answered_at < now() - $3)", log, ids, s_answerAge);

    static NpgsqlBatchCommand Make(string text, params ReadOnlySpan<object> values)
    {
        var command = new NpgsqlBatchCommand(text);
        foreach (var value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }
        return command;
    }
}
