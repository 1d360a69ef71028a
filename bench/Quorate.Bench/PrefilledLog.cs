using Quorate.Core;
using Quorate.Crypto;
using Quorate.Log;
using Quorate.Log.Storage;

namespace Quorate.Bench;

/// <summary>A state directory with one log of the workload's first million entries, which several rows share. Rows that append leave it longer.</summary>
sealed class PrefilledLog : IAsyncDisposable
{
    public const string FolderName = "log-1m";
    public const int Entries = 1_000_000;

    const int FillBatch = 5000;

    readonly StateDirectory _state;

    PrefilledLog(StateDirectory state, PublishedLog log, CountingDisk disk) => (_state, Log, Disk) = (state, log, disk);

    public PublishedLog Log { get; }

    public CountingDisk Disk { get; }

    /// <summary>The same for everyone, so that anyone can recompute the heads: its seed is SHA-256 of "quorate-bench".</summary>
    public static Ed25519PrivateKey Key() => Ed25519PrivateKey.FromSeed(Sha256Digest.HashData("quorate-bench"u8).AsSpan());

    public static async Task<PrefilledLog> OpenAsync(BenchContext context, Ed25519PrivateKey key) =>
        await OpenAsync(await FolderAsync(context, key), key);

    /// <summary>The state directory, filled and closed.</summary>
    public static Task<string> FolderAsync(BenchContext context, Ed25519PrivateKey key) =>
        context.Workspace.PreparedAsync(
            FolderName,
            async empty =>
            {
                using var state = StateDirectory.Open(empty);
                await using var filling = await PublishedLog.OpenAsync(Options(state, key), key, CancellationToken.None);
                for (var first = 0; first < Entries; first += FillBatch)
                {
                    await filling.SubmitAsync(Workload.Items(first, FillBatch), CancellationToken.None);
                }
            }
        );

    public async ValueTask DisposeAsync()
    {
        await Log.DisposeAsync();
        _state.Dispose();
    }

    static PublishedLogOptions Options(StateDirectory state, Ed25519PrivateKey key)
    {
        var identity = new LogIdentity(Protocol.Nix, key.PublicKey);
        return new PublishedLogOptions { Identity = identity, Folder = state.PublishedFolder(identity.Id) };
    }

    static async Task<PrefilledLog> OpenAsync(string folder, Ed25519PrivateKey key)
    {
        var state = StateDirectory.Open(folder);
        try
        {
            var disk = new CountingDisk();
            var options = Options(state, key);
            var storage = WriteAheadStorage.Open(options.Folder, options.Identity.Id, disk: disk);
            return new PrefilledLog(state, await PublishedLog.OpenAsync(options, key, storage, CancellationToken.None), disk);
        }
        catch
        {
            state.Dispose();
            throw;
        }
    }
}

/// <summary>The real disk, with a count of what makes data durable.</summary>
sealed class CountingDisk : WriteAheadDisk
{
    long _syncs;

    public long Syncs => Interlocked.Read(ref _syncs);

    public override void DataSync(Microsoft.Win32.SafeHandles.SafeFileHandle file, string path)
    {
        Interlocked.Increment(ref _syncs);
        base.DataSync(file, path);
    }
}
