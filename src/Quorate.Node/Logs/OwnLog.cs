using Microsoft.Extensions.Logging;
using Quorate.Crypto;
using Quorate.Log;
using Quorate.Log.Sharing;
using Quorate.Log.Tiles;
using Quorate.Node.Configuration;
using Quorate.Node.Witness;
using Quorate.Postgres;

namespace Quorate.Node.Logs;

/// <summary>An open published log with what cannot change while it is open.</summary>
sealed record OwnLog(
    SigningLog Log,
    Ed25519PrivateKey Key,
    DivergenceMode Divergence,
    HistorySection History,
    long MaxValue,
    StorageSection? Storage,
    WitnessPolicySection? Witnesses
) : IAsyncDisposable
{
    /// <summary>Kept as long as the log is open: what was shown is never taken back by a reload.</summary>
    public ICheckpointPublication Checkpoints => Witnessing?.Checkpoints ?? _newest;

    /// <summary>Null for a log without witnesses.</summary>
    public LogWitnessing? Witnessing { get; set; }

    readonly NewestHeadPublication _newest = new(Log);

    /// <exception cref="IOException">The files, or the database, cannot be used.</exception>
    /// <exception cref="InvalidOperationException">The key is not the log's, or the log is kept elsewhere.</exception>
    public static async Task<SigningLog> OpenAsync(
        PublishSection section,
        PublishedLogOptions options,
        StateDirectory state,
        Ed25519PrivateKey key,
        ILogger logger,
        CancellationToken cancellationToken
    )
    {
        var (files, copy) = (state.PublishedFolder(options.Identity.Id), state.CopyFolder(options.Identity.Id));
        if (section.Storage is not { } storage)
        {
            // Its heads are in the database: going on from the copy would sign other heads of the same sizes.
            RefuseIfKept(
                copy,
                $"this log is shared in a database, of which {copy} is a copy; configure its 'storage', or delete the copy if that log was never published"
            );
            if (state.WhyNotToBegin(options.Identity.Id) is { } reason)
            {
                throw new InvalidOperationException(reason);
            }
            return await PublishedLog.OpenAsync(options with { Folder = files }, key, cancellationToken);
        }
        RefuseIfKept(files, $"this log is kept in the files of {files}; a database would begin it anew and contradict its heads");
        var name = section.Name;
        var sharing = new SharedLogOptions
        {
            Lease = storage.Lease,
            AwaitsWitnesses = section.Witnesses is not null,
            Observer = what => SharedLogMessages.Tell(logger, name, what),
        };
        var settings = new PostgresSettings(storage.Connection, storage.PasswordFile);
        var database = await PostgresStorage.OpenAsync(settings, options.Identity.Id, cancellationToken);
        return await SharedLog.OpenAsync(options with { Folder = copy }, sharing, key, database, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (Witnessing is not null)
        {
            await Witnessing.DisposeAsync();
        }
        // What waits is made durable, which needs the key.
        await Log.DisposeAsync();
        Key.Dispose();
    }

    static void RefuseIfKept(string folder, string why)
    {
        if (Directory.Exists(folder) && Directory.EnumerateFiles(folder, "*.wal").Any())
        {
            throw new InvalidOperationException(why);
        }
    }
}
