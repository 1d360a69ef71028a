using Quorate.Core;
using Quorate.Crypto;
using Quorate.Log;
using Quorate.Log.Storage;
using Quorate.Testing;
using Xunit;

namespace Quorate.Tests.Log;

/// <summary>A key, a folder that goes away again, and a clock that stands still until it is moved.</summary>
sealed class LogFixture : IDisposable
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("quorate-log-");

    public LogFixture(Protocol? protocol = null, string seed = "oPGw8rNh03IVBaQ1AJNWnrud99CQM8JGO3Ef16PBbx0=")
    {
        Key = Ed25519PrivateKey.FromSeed(Convert.FromBase64String(seed));
        Identity = new LogIdentity(protocol ?? Protocol.Test, Key.PublicKey);
    }

    public string Root => _folder.FullName;
    public string Folder => Path.Combine(_folder.FullName, "log");
    public Ed25519PrivateKey Key { get; }
    public LogIdentity Identity { get; }
    public ManualTime Time { get; } = new();

    public PublishedLogOptions Options =>
        new()
        {
            Identity = Identity,
            Folder = Folder,
            Time = Time,
        };

    public Task<PublishedLog> OpenAsync(Func<PublishedLogOptions, PublishedLogOptions>? change = null) =>
        PublishedLog.OpenAsync(change is null ? Options : change(Options), Key, TestContext.Current.CancellationToken);

    public Task<PublishedLog> OpenAsync(WriteAheadDisk disk, long segmentBytes = WriteAheadStorage.DefaultSegmentBytes) =>
        PublishedLog.OpenAsync(
            Options,
            Key,
            WriteAheadStorage.Open(Folder, Identity.Id, segmentBytes, disk),
            TestContext.Current.CancellationToken
        );

    public void Dispose()
    {
        Key.Dispose();
        _folder.Delete(recursive: true);
    }
}

static class LogExtensions
{
    public static SubmitItem Item(string key, string value) =>
        new(System.Text.Encoding.UTF8.GetBytes(key), System.Text.Encoding.UTF8.GetBytes(value));

    public static Task<SubmitResult> SubmitAsync(this IPublishedLog log, params SubmitItem[] items) =>
        log.SubmitAsync(items, TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(30));

    public static Task<SubmitResult> SubmitAsync(this IPublishedLog log, string key, string value) => log.SubmitAsync(Item(key, value));

    public static Task<LogHead> FlushAsync(this IPublishedLog log) =>
        log.FlushAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(30));
}
