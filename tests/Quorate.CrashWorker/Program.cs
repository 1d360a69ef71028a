using System.Globalization;
using System.Text;
using Quorate.Bench;
using Quorate.Core;
using Quorate.CrashWorker;
using Quorate.Crypto;
using Quorate.Log;

// usage: Quorate.CrashWorker STATE-FOLDER SIGNED-FOLDER PROTOCOL SEED
// Opens a published log and a mirror of it, writes as fast as it can until it is killed, and says on standard output what it told its submitters.
var protocol = Protocol.TryFind(args[2], out var found) ? found : throw new ArgumentException($"unknown protocol {args[2]}");
var seed = int.Parse(args[3], CultureInfo.InvariantCulture);
using var key = Ed25519PrivateKey.FromSeed(Sha256Digest.HashData("crash harness"u8).AsSpan());
var identity = new LogIdentity(protocol, key.PublicKey);
using var state = StateDirectory.Open(args[0]);
await using var log = await PublishedLog.OpenAsync(
    new PublishedLogOptions
    {
        Identity = identity,
        Folder = state.PublishedFolder(identity.Id),
        SegmentBytes = 256 << 10,
        ImageAfterEntries = 500,
        SignedState = args[1],
    },
    key,
    CancellationToken.None
);
await using var mirror = await MirroredLog.OpenAsync(
    new MirroredLogOptions
    {
        Identity = identity,
        Folder = state.MirrorFolder(identity.Id),
        SegmentBytes = 256 << 10,
        ImageAfterEntries = 500,
    },
    CancellationToken.None
);
using var said = new Announcements();
said.Head("published", log.Head);
if (mirror.Head is { } mirrored)
{
    said.Head("mirrored", mirrored);
}
const int submitters = 8;
await Task.WhenAll(Enumerable.Range(0, submitters).Select(n => Task.Run(() => SubmitAsync(n))).Append(Task.Run(FollowAsync)));

async Task SubmitAsync(int submitter)
{
    var random = new Random((seed * 31) + submitter);
    for (var call = 0; ; call++)
    {
        var items = new SubmitItem[random.Next(1, 20)];
        var names = new string[items.Length];
        for (var i = 0; i < items.Length; i++)
        {
            // One key in twenty is an old one with another value: a self-divergence, or where all claims count a further claim.
            var again = call > 0 && random.Next(20) == 0;
            var name = string.Create(CultureInfo.InvariantCulture, $"{seed}/{submitter}/{(again ? random.Next(call) : call)}/{i}");
            var value = string.Create(CultureInfo.InvariantCulture, $"{(again ? call : 0)}:{name}") + new string('v', random.Next(1500));
            names[i] = $"{name}={Sha256Digest.HashData(Encoding.UTF8.GetBytes(value))}";
            items[i] = new SubmitItem(Encoding.UTF8.GetBytes(name), Encoding.UTF8.GetBytes(value));
        }
        var result = await log.SubmitAsync(items, CancellationToken.None);
        said.Entries(names);
        said.Head("published", result.Head);
    }
}

async Task FollowAsync()
{
    var source = new ViewSource(log);
    while (true)
    {
        if (await mirror.SyncAsync([source], MirrorLimits.Default, null, CancellationToken.None) is SyncOutcome.Advanced advanced)
        {
            said.Head("mirrored", advanced.Head);
        }
    }
}
