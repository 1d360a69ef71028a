using System.Security.Cryptography;
using Npgsql;
using Quorate.Log.Storage;

namespace Quorate.Postgres;

/// <summary>
/// Connections, and what every use of one has in common: a transaction that lost a race is repeated, every other failure of the database is a
/// <see cref="LogStorageException"/>. What is run must be safe to repeat as a whole.
/// </summary>
sealed class PostgresDatabase(PostgresSettings settings) : IAsyncDisposable
{
    const int MaxAttempts = 12;

    readonly NpgsqlDataSource _source = settings.CreateSource();

    internal async ValueTask<T> RunAsync<T>(Func<NpgsqlConnection, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await using var connection = await _source.OpenConnectionAsync(cancellationToken);
                return await work(connection, cancellationToken);
            }
            catch (PostgresException e) when (LostRace(e) && attempt < MaxAttempts)
            {
                await Task.Delay(Pause(attempt), cancellationToken);
            }
            catch (Exception e) when (IsOfDatabase(e))
            {
                throw Failed(e);
            }
        }
    }

    /// <summary>The same for callers that cannot wait otherwise. Reads only: nothing waits for a lock, so that there is no race to lose but a database's own.</summary>
    internal T Run<T>(Func<NpgsqlConnection, T> work)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                using var connection = _source.OpenConnection();
                return work(connection);
            }
            catch (PostgresException e) when (LostRace(e) && attempt < MaxAttempts) { }
            catch (Exception e) when (IsOfDatabase(e))
            {
                throw Failed(e);
            }
        }
    }

    internal NpgsqlConnection Open()
    {
        try
        {
            return _source.OpenConnection();
        }
        catch (Exception e) when (IsOfDatabase(e))
        {
            throw Failed(e);
        }
    }

    internal static bool IsOfDatabase(Exception e) => e is NpgsqlException or TimeoutException or System.Net.Sockets.SocketException;

    internal LogStorageException Failed(Exception e) => new($"database {settings}: {Reason(e)}", e);

    public ValueTask DisposeAsync() => _source.DisposeAsync();

    // The server's own words without its detail, which may quote rows.
    static string Reason(Exception e) =>
        e is PostgresException p ? $"{p.MessageText} ({p.SqlState})" : e.InnerException?.Message ?? e.Message;

    static bool LostRace(PostgresException e) =>
        e.SqlState is PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected;

    static TimeSpan Pause(int attempt) => TimeSpan.FromMilliseconds(RandomNumberGenerator.GetInt32(1, 2 << Math.Min(attempt, 8)));
}
