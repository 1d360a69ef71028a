using Quorate.Core;
using Quorate.Crypto;
using Quorate.Log;
using Quorate.Node.Configuration;
using Quorate.Node.Logs;

namespace Quorate.Testing.Logs;

/// <summary>A real published log in a folder that goes away with it.</summary>
public sealed class TemporaryLog : IAsyncDisposable
{
    readonly DirectoryInfo _folder;
    readonly Ed25519PrivateKey _key;

    TemporaryLog(DirectoryInfo folder, Ed25519PrivateKey key, PublishedLog log)
    {
        _folder = folder;
        _key = key;
        Log = log;
    }

    public PublishedLog Log { get; }

    /// <param name="key">Disposed with the log.</param>
    public static async Task<TemporaryLog> OpenAsync(
        Protocol protocol,
        Ed25519PrivateKey key,
        DivergencePolicy divergence = DivergencePolicy.Append
    )
    {
        var folder = Directory.CreateTempSubdirectory("quorate-log-");
        var options = new PublishedLogOptions
        {
            Identity = new LogIdentity(protocol, key.PublicKey),
            Folder = Path.Combine(folder.FullName, "log"),
            Divergence = divergence,
        };
        return new TemporaryLog(folder, key, await PublishedLog.OpenAsync(options, key, CancellationToken.None));
    }

    public PublishedLogEntry Entry(string name, IReadOnlyDictionary<string, string>? meta = null) =>
        new(
            new PublishSection
            {
                Name = name,
                Builder = name,
                Protocol = Log.Identity.Protocol,
                Signer = new SignerSection(name, Path.Combine(_folder.FullName, "key")),
                Meta = meta ?? new Dictionary<string, string>(),
            },
            Log
        );

    public async ValueTask DisposeAsync()
    {
        await Log.DisposeAsync();
        _key.Dispose();
        _folder.Delete(recursive: true);
    }
}
