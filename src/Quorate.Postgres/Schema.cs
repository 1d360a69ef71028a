using Npgsql;
using Quorate.Log.Storage;

namespace Quorate.Postgres;

/// <summary>The tables (docs/formats/postgresql.md), and what must be true of the server before anything is entrusted to it.</summary>
static class Schema
{
    internal const int Version = 2;

    /// <summary>Without witnessed checkpoints; what it lacks is made.</summary>
    const int FirstVersion = 1;

    static readonly string[] s_tables =
    [
        "CREATE TABLE IF NOT EXISTS quorate_schema (singleton boolean PRIMARY KEY, version integer NOT NULL)",
        """
            CREATE TABLE IF NOT EXISTS quorate_log (
                log bytea PRIMARY KEY,
                epoch bigint NOT NULL,
                holder uuid,
                holder_name text,
                lease_until timestamptz NOT NULL,
                next_frame bigint NOT NULL,
            origin text)
            """,
        """
            CREATE TABLE IF NOT EXISTS quorate_frame (
                log bytea NOT NULL,
                frame bigint NOT NULL,
                chunk integer NOT NULL,
                length integer NOT NULL,
                epoch bigint NOT NULL,
                digest bytea NOT NULL,
                bytes bytea NOT NULL,
                PRIMARY KEY (log, frame, chunk))
            """,
        """
            CREATE TABLE IF NOT EXISTS quorate_submission (
                log bytea NOT NULL,
                id uuid NOT NULL,
                queued_at timestamptz NOT NULL,
                size integer NOT NULL,
                bytes bytea NOT NULL,
                PRIMARY KEY (log, id))
            """,
        """
            CREATE TABLE IF NOT EXISTS quorate_answer (
                log bytea NOT NULL,
                id uuid NOT NULL,
                answered_at timestamptz NOT NULL,
                frame bigint NOT NULL,
                bytes bytea NOT NULL,
                PRIMARY KEY (log, id))
            """,
        """
            CREATE TABLE IF NOT EXISTS quorate_checkpoint (
                log bytea PRIMARY KEY,
                size bigint NOT NULL,
                note bytea NOT NULL)
            """,
    ];

    /// <summary>Makes the tables where they are missing, and the log's row.</summary>
    internal static async Task<bool> PrepareAsync(NpgsqlConnection connection, byte[] log, CancellationToken cancellationToken)
    {
        await RefuseForgetfulServerAsync(connection, cancellationToken);
        if (!await ExistsAsync(connection, cancellationToken))
        {
            await CreateAsync(connection, cancellationToken);
        }
        await using var version = new NpgsqlCommand("SELECT version FROM quorate_schema WHERE singleton", connection);
        var found = (int?)await version.ExecuteScalarAsync(cancellationToken);
        if (found != Version)
        {
            throw new LogStorageException($"the tables of the database have version {found}; this program knows version {Version}");
        }
        await using var row = new NpgsqlCommand(
            "INSERT INTO quorate_log (log, epoch, lease_until, next_frame) VALUES ($1, 0, now(), 1) ON CONFLICT DO NOTHING",
            connection
        )
        {
            Parameters = { new() { Value = log } },
        };
        return await row.ExecuteNonQueryAsync(cancellationToken) == 1;
    }

    // An acknowledgement must survive the server's crash.
    static async Task RefuseForgetfulServerAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        foreach (var setting in (string[])["fsync", "synchronous_commit", "full_page_writes"])
        {
            // Unknown to a database that is not PostgreSQL itself: null.
            await using var command = new NpgsqlCommand("SELECT current_setting($1, true)", connection)
            {
                Parameters = { new() { Value = setting } },
            };
            if (await command.ExecuteScalarAsync(cancellationToken) is "off")
            {
                throw new LogStorageException(
                    $"the database has {setting} = off and may forget what it committed; a log cannot be entrusted to it"
                );
            }
        }
    }

    // Making nothing needs no right to make anything: an administrator may have made the tables for us.
    static async Task<bool> ExistsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT version FROM quorate_schema WHERE singleton", connection);
        try
        {
            return await command.ExecuteScalarAsync(cancellationToken) is int version && version != FirstVersion;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            return false;
        }
    }

    static async Task CreateAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        const int attempts = 20;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                foreach (var table in s_tables)
                {
                    await using var command = new NpgsqlCommand(table, connection);
                    await command.ExecuteNonQueryAsync(cancellationToken);
                }
                // Last: whoever finds the row finds all tables.
                await using var version = new NpgsqlCommand(
                    "INSERT INTO quorate_schema (singleton, version) VALUES (true, $1)"
                        + " ON CONFLICT (singleton) DO UPDATE SET version = excluded.version WHERE quorate_schema.version = $2",
                    connection
                )
                {
                    Parameters =
                    {
                        new() { Value = Version },
                        new() { Value = FirstVersion },
                    },
                };
                await version.ExecuteNonQueryAsync(cancellationToken);
                return;
            }
            catch (PostgresException e)
                when (attempt < attempts
                    && e.SqlState
                        is PostgresErrorCodes.UniqueViolation
                            or PostgresErrorCodes.DuplicateTable
                            or PostgresErrorCodes.DuplicateObject
                )
            {
                // Two nodes make the same table at once: one of them is told of the other by a conflict in the catalogue.
                await Task.Delay(TimeSpan.FromMilliseconds(20), cancellationToken);
            }
        }
    }
}
