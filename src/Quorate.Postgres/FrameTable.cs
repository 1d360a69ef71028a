using System.Buffers;
using Npgsql;
using Quorate.Log.Storage;

namespace Quorate.Postgres;

/// <summary>Reads frames and ranges of them. Every chunk is checked against its digest before a byte of it is used.</summary>
sealed class FrameTable(PostgresDatabase database, string logText, byte[] log)
{
    const int PageRows = 1024;

    /// <summary>The frames from <paramref name="first"/> to before <paramref name="end"/>, all of which must be there. A payload is valid until the next one is asked for.</summary>
    internal IEnumerable<(long Frame, ReadOnlyMemory<byte> Payload)> Read(long first, long end)
    {
        var whole = ArrayPool<byte>.Shared.Rent(FrameChunk.Size);
        try
        {
            var (frame, number, length) = (first, 0, 0);
            while (frame < end)
            {
                var rows = 0;
                foreach (var chunk in Page(frame, number, end))
                {
                    rows++;
                    if ((chunk.Frame, chunk.Number) != (frame, number))
                    {
                        throw Missing(frame, number);
                    }
                    if (number == 0)
                    {
                        length = chunk.Length;
                        if (length > whole.Length)
                        {
                            ArrayPool<byte>.Shared.Return(whole);
                            whole = ArrayPool<byte>.Shared.Rent(length);
                        }
                    }
                    // Each chunk is one of ours, but not of the same frame.
                    if (chunk.Length != length)
                    {
                        throw Damaged(frame, number);
                    }
                    chunk.Bytes.CopyTo(whole.AsMemory(number * FrameChunk.Size));
                    if (++number == FrameChunk.CountOf(chunk.Length))
                    {
                        yield return (frame, whole.AsMemory(0, chunk.Length));
                        (frame, number) = (frame + 1, 0);
                    }
                }
                if (rows == 0)
                {
                    throw Missing(frame, number);
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(whole);
        }
    }

    /// <summary>Fills <paramref name="destination"/>, or as much of it as the frame has.</summary>
    internal int Read(FramePosition position, Span<byte> destination)
    {
        var (frame, offset) = FrameChunk.Split(position);
        var got = 0;
        while (got < destination.Length)
        {
            var chunk = Chunk(frame, offset / FrameChunk.Size);
            if (offset >= chunk.Length)
            {
                break;
            }
            var part = chunk.Bytes.Span[(offset % FrameChunk.Size)..];
            part = part[..Math.Min(part.Length, destination.Length - got)];
            part.CopyTo(destination[got..]);
            got += part.Length;
            offset += part.Length;
            if (offset == chunk.Length)
            {
                break;
            }
        }
        return got;
    }

    FrameChunk Chunk(long frame, int number)
    {
        var found = database.Run(connection =>
        {
            using var batch = new NpgsqlBatch(connection) { BatchCommands = { Commands.Chunks(log, frame, number, frame + 1, 1) } };
            using var reader = batch.ExecuteReader();
            return reader.Read() ? ReadRow(reader) : (FrameChunk?)null;
        });
        return found is { } chunk && (chunk.Frame, chunk.Number) == (frame, number) ? chunk : throw Missing(frame, number);
    }

    IEnumerable<FrameChunk> Page(long frame, int number, long end)
    {
        using var connection = database.Open();
        using var batch = new NpgsqlBatch(connection) { BatchCommands = { Commands.Chunks(log, frame, number, end, PageRows) } };
        using var reader = Guarded(() => batch.ExecuteReader());
        while (Guarded(reader.Read))
        {
            yield return ReadRow(reader);
        }
    }

    // A page that fails half-way is not repeated here: whoever follows reads on from its cursor.
    T Guarded<T>(Func<T> call)
    {
        try
        {
            return call();
        }
        catch (Exception e) when (PostgresDatabase.IsOfDatabase(e))
        {
            throw database.Failed(e);
        }
    }

    FrameChunk ReadRow(NpgsqlDataReader reader)
    {
        var chunk = new FrameChunk(reader.GetInt64(0), reader.GetInt32(1), reader.GetInt32(2), reader.GetFieldValue<byte[]>(4));
        return chunk.IsIntact(log, reader.GetFieldValue<byte[]>(3)) ? chunk : throw Damaged(chunk.Frame, chunk.Number);
    }

    LogDamagedException Damaged(long frame, int number) =>
        new($"log {logText}: chunk {number} of frame {frame} in the table quorate_frame is not what was written");

    LogDamagedException Missing(long frame, int number) =>
        new($"log {logText}: chunk {number} of frame {frame} is missing from the table quorate_frame");
}
