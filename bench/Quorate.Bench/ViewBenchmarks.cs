using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Quorate.Core;
using Quorate.Nix;
using Quorate.Nix.Synthetic;
using Quorate.Sources.Views;

namespace Quorate.Bench;

/// <summary>
/// The content-addressed view of what an input-addressed build was made from: all of it read, and looked up in a cache that an earlier run filled. A
/// chain of objects, each with files that refer to the one before. Nix itself is not asked; the page cache is warm.
/// </summary>
static class ViewBenchmarks
{
    const int Objects = 200;
    const int FilesPerObject = 50;
    const int FileSize = 16 << 10;

    public static IEnumerable<Benchmark> All()
    {
        const string What = "of 200 objects with 10,000 files, 164 MB in all";
        yield return new Benchmark("view-read", $"View {What}, read", "ms", null, HigherIsBetter: false, ReadAsync);
        yield return new Benchmark(
            "view-cached",
            $"View {What}, known from an earlier run",
            "ms",
            null,
            HigherIsBetter: false,
            CachedAsync
        );
    }

    static async Task<IReadOnlyList<Sample>> ReadAsync(BenchContext context)
    {
        var store = await StoreAsync(context);
        var samples = new List<Sample>();
        for (var run = -1; run < context.Runs; run++)
        {
            Add(
                samples,
                run,
                await Sample.TimeAsync(() => new SyntheticView(store, s_nothing).OfAsync(ChainOfObjects.Last, CancellationToken.None))
            );
        }
        return samples;
    }

    static async Task<IReadOnlyList<Sample>> CachedAsync(BenchContext context)
    {
        var store = await StoreAsync(context);
        var folder = Path.Combine(context.Workspace.Folder("views"), "cache");
        var samples = new List<Sample>();
        // The first run fills the cache and is not counted. For a cache what was made just now has not settled; its clock is ahead.
        for (var run = -1; run < context.Runs; run++)
        {
            Add(
                samples,
                run,
                await Sample.TimeAsync(async () =>
                {
                    using var cache = ViewCache.Open(folder, new LaterTime());
                    await new SyntheticView(store, s_nothing, cache).OfAsync(ChainOfObjects.Last, CancellationToken.None);
                })
            );
        }
        context.Note("entries", Directory.GetFiles(folder).Length.ToString(CultureInfo.InvariantCulture));
        return samples;
    }

    static readonly HashSet<StorePath> s_nothing = [];

    static void Add(List<Sample> samples, int run, (double Wall, double Cpu) time)
    {
        if (run >= 0)
        {
            samples.Add(new Sample(time.Wall * 1000, time.Cpu * 1e6));
        }
    }

    static async Task<ChainOfObjects> StoreAsync(BenchContext context)
    {
        var folder = await context.Workspace.PreparedAsync("objects", ChainOfObjects.WriteAsync);
        return new ChainOfObjects(folder);
    }

    sealed class LaterTime : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + TimeSpan.FromMinutes(1);
    }

    sealed class ChainOfObjects(string folder) : IStoreObjects
    {
        public static StorePath Last => PathOf(Objects - 1);

        public static async Task WriteAsync(string folder)
        {
            var contents = RandomNumberGenerator.GetBytes(FileSize);
            for (var i = 0; i < Objects; i++)
            {
                var place = Directory.CreateDirectory(Path.Combine(folder, PathOf(i).BaseName)).FullName;
                if (i > 0)
                {
                    Encoding.ASCII.GetBytes(PathOf(i - 1).ToString()).CopyTo(contents, 100);
                }
                for (var file = 0; file < FilesPerObject; file++)
                {
                    BitConverter.TryWriteBytes(contents, i * FilesPerObject + file);
                    await File.WriteAllBytesAsync(Path.Combine(place, file.ToString("00", CultureInfo.InvariantCulture)), contents);
                }
            }
        }

        public Task<IReadOnlyList<NixClaim>> RegisteredAsync(IReadOnlyList<StorePath> paths, CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<NixClaim>>([.. paths.Select(Claim)]);

        public string Location(StorePath path) => Path.Combine(folder, path.BaseName);

        static NixClaim Claim(StorePath path)
        {
            var index = int.Parse(path.Name.AsSpan("object-".Length), NumberStyles.None, CultureInfo.InvariantCulture);
            return new NixClaim(path, Sha256Digest.Zero, FileSize, index == 0 ? [] : [PathOf(index - 1)]);
        }

        static StorePath PathOf(int index) =>
            StorePath.Parse(
                $"/nix/store/{Core.Encodings.Nix32.Encode(Sha256Digest.HashData(BitConverter.GetBytes(index)).AsSpan()[..20])}-object-{index}"
            );
    }
}
