using Quorate.Core;
using Quorate.Nix;
using Quorate.Nix.Synthetic;
using Quorate.Sources.Views;
using Quorate.Tests.Decisions;
using Quorate.Tests.Nix.Nar;
using Quorate.Tests.Nix.Synthetic;
using Xunit;

namespace Quorate.Tests.Sources.Views;

public sealed class ViewCacheTests : IDisposable
{
    readonly FolderOfObjects _store = new();
    readonly string _folder = Path.Combine(Directory.CreateTempSubdirectory("views").FullName, "views");

    // What was made just now is settled.
    readonly ManualTime _time = new(TimeProvider.System.GetUtcNow() + TimeSpan.FromMinutes(1));

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _store.Dispose();
        Directory.Delete(Path.GetDirectoryName(_folder)!, recursive: true);
    }

    [Fact]
    public async Task Another_run_gives_the_same_view_without_reading()
    {
        var top = Closure();
        var first = await ReadingAsync(top);
        var second = await ReadingAsync(top);
        Assert.Equal((first.View, 0), second);
        Assert.Equal((2, 2), (first.Reads, Files().Length));
    }

    [Fact]
    public async Task Cached_view_of_everything_is_the_one_that_is_computed()
    {
        var top = Closure();
        await ViewAsync(top);
        Assert.Equal((await new SyntheticView(_store, new HashSet<StorePath>()).OfAsync(top, Cancellation)).Path, await ViewAsync(top));
    }

    // Length and times that programs may set are as before.
    [Fact]
    public async Task Changed_bytes_are_read_again()
    {
        var top = Closure();
        var before = await ViewAsync(top);
        Overwrite(_store.Location(Lib), "LIBRARY");
        Assert.NotEqual(before, await ViewAsync(top));
    }

    [Fact]
    public async Task Changed_bytes_deep_in_a_folder_are_read_again()
    {
        var path = _store.Add('a', "lib", _ => Tree.Of(("share", Tree.Of(("text", new Tree.File(false, "text"))))));
        var before = await ViewAsync(path);
        Overwrite(Path.Combine(_store.Location(path), "share", "text"), "TEXT");
        Assert.NotEqual(before, await ViewAsync(path));
    }

    // Another program's bytes under the old name, size and time: another inode.
    [Fact]
    public async Task Replaced_object_is_read_again()
    {
        var top = Closure();
        var before = await ViewAsync(top);
        var file = _store.Location(Lib);
        var time = File.GetLastWriteTimeUtc(file);
        File.WriteAllText(file + ".new", "LIBRARY");
        File.SetLastWriteTimeUtc(file + ".new", time);
        File.Move(file + ".new", file, overwrite: true);
        Assert.NotEqual(before, await ViewAsync(top));
    }

    [Fact]
    public async Task Another_registered_hash_is_read_again()
    {
        var top = Closure();
        await ViewAsync(top);
        _store.RegisterAgain(Lib, Sha256Digest.HashData("other"u8));
        Assert.Equal(1, (await ReadingAsync(top)).Reads);
    }

    // The object has not changed, what it refers to is fixed now.
    [Fact]
    public async Task Reference_with_another_view_makes_the_referring_object_be_read_again()
    {
        var top = Closure();
        var before = await ViewAsync(top);
        using var cache = Open();
        var view = new SyntheticView(_store, new HashSet<StorePath> { Lib }, cache);
        var now = (await view.OfAsync(top, Cancellation)).Path;
        Assert.NotEqual(before, now);
        Assert.Equal((await new SyntheticView(_store, new HashSet<StorePath> { Lib }).OfAsync(top, Cancellation)).Path, now);
    }

    [Fact]
    public async Task Output_that_is_signed_is_read_whatever_the_cache_says()
    {
        var top = Closure();
        await ViewAsync(top);
        using var cache = Open();
        var counted = new CountingCache(cache);
        await new SyntheticView(_store, new HashSet<StorePath>(), counted).OutputAsync(top, Cancellation);
        Assert.Equal([top], counted.Read);
    }

    // Somebody who can write the directory is this user already; still, what was signed from it would be refused.
    [Fact]
    public async Task Output_whose_cached_view_is_not_what_is_read_is_refused()
    {
        var top = Closure();
        await ViewAsync(top);
        Forge(Lib, "/nix/store/ffffffffffffffffffffffffffffffff-lib");
        using var cache = Open();
        await Assert.ThrowsAsync<MalformedException>(() =>
            new SyntheticView(_store, new HashSet<StorePath>(), cache).OutputAsync(Lib, Cancellation)
        );
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Torn_or_changed_entries_are_removed_and_the_objects_read(int damage)
    {
        var top = Closure();
        var view = await ViewAsync(top);
        foreach (var file in Files())
        {
            var bytes = await File.ReadAllBytesAsync(file, Cancellation);
            bytes[^10] ^= damage == 1 ? (byte)1 : (byte)0;
            await File.WriteAllBytesAsync(
                file,
                damage == 0 ? bytes[..^20]
                    : damage == 1 ? bytes
                    : [],
                Cancellation
            );
        }
        Assert.Equal(view, await ViewAsync(top));
        Assert.All(Files(), file => Assert.True(ViewRecord.TryDecode(File.ReadAllBytes(file), out _)));
    }

    // A file system may count time in seconds.
    [Fact]
    public async Task Object_that_changed_just_now_is_not_kept()
    {
        var top = Closure();
        using var cache = ViewCache.Open(_folder, TimeProvider.System);
        await new SyntheticView(_store, new HashSet<StorePath>(), cache).OfAsync(top, Cancellation);
        Assert.Empty(Files());
    }

    [Fact]
    public async Task Entry_of_a_month_ago_is_read_again_and_kept_anew()
    {
        var top = Closure();
        var view = await ViewAsync(top);
        _time.Advance(TimeSpan.FromDays(31));
        Assert.Equal((view, 2), await ReadingAsync(top));
        Assert.Equal((view, 0), await ReadingAsync(top));
    }

    [Fact]
    public async Task Entry_from_the_future_is_read_again()
    {
        var top = Closure();
        _time.Advance(TimeSpan.FromDays(1));
        await ViewAsync(top);
        _time.Advance(TimeSpan.FromDays(-1));
        Assert.Equal(2, (await ReadingAsync(top)).Reads);
    }

    [Fact]
    public async Task Entries_are_bounded_and_the_ones_used_longest_ago_go_first()
    {
        const int Most = 8;
        for (var i = 0; i < 3 * Most; i++)
        {
            var path = _store.Add("0123456789abcdfghijklmnp"[i], "lib", _ => new Tree.File(false, $"{i}"));
            using var cache = ViewCache.Open(_folder, _time, Most);
            await new SyntheticView(_store, new HashSet<StorePath>(), cache).OfAsync(path, Cancellation);
            foreach (var file in Files().Where(file => File.GetLastWriteTimeUtc(file) > _time.GetUtcNow().UtcDateTime.AddDays(-1)))
            {
                File.SetLastWriteTimeUtc(file, _time.GetUtcNow().UtcDateTime.AddDays(i - 100));
            }
            Assert.InRange(Files().Length, 1, Most);
        }
        var newest = ViewRecord.TryDecode(await File.ReadAllBytesAsync(Files().MaxBy(File.GetLastWriteTimeUtc)!, Cancellation), out var r);
        Assert.True(newest);
        Assert.Equal(new string('p', 32), r!.Path.HashPart);
    }

    [Fact]
    public async Task Files_are_private()
    {
        await ViewAsync(Closure());
        const UnixFileMode Others = (UnixFileMode)0b000_111_111;
        Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(_folder) & Others);
        Assert.All(Files(), file => Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(file) & Others));
    }

    [Fact]
    public void Open_of_a_folder_that_others_may_write_is_refused()
    {
        Directory.CreateDirectory(_folder);
        File.SetUnixFileMode(_folder, (UnixFileMode)0b111_111_111);
        Assert.Throws<IOException>(() => ViewCache.Open(_folder, _time));
    }

    [Fact]
    public async Task Closure_is_asked_for_level_by_level()
    {
        await new SyntheticView(_store, new HashSet<StorePath>()).OfAsync(Closure(), Cancellation);
        Assert.Equal(2, _store.Asked);
    }

    static StorePath Lib => FolderOfObjects.Path('a', "lib");

    /// <summary>Counts what was not known: it is kept after it was read.</summary>
    sealed class CountingCache(IViewCache cache) : IViewCache
    {
        public List<StorePath> Read { get; } = [];

        public ViewLookup Find(ViewSubject subject, CancellationToken cancellationToken) => cache.Find(subject, cancellationToken);

        public void Keep(ViewLookup lookup, StorePath view, CancellationToken cancellationToken)
        {
            Read.Add(lookup.Subject.Path);
            cache.Keep(lookup, view, cancellationToken);
        }
    }

    StorePath Closure()
    {
        var lib = _store.Add('a', "lib", _ => new Tree.File(false, "library"));
        return _store.Add(
            'b',
            "top",
            self => Tree.Of(("run", new Tree.File(true, $"#!{lib}/sh {self}"))),
            lib,
            FolderOfObjects.Path('b', "top")
        );
    }

    ViewCache Open() => ViewCache.Open(_folder, _time);

    string[] Files() => Directory.Exists(_folder) ? Directory.GetFiles(_folder) : [];

    async Task<StorePath> ViewAsync(StorePath path) => (await ReadingAsync(path)).View;

    async Task<(StorePath View, int Reads)> ReadingAsync(StorePath path)
    {
        using var cache = Open();
        var counted = new CountingCache(cache);
        return ((await new SyntheticView(_store, new HashSet<StorePath>(), counted).OfAsync(path, Cancellation)).Path, counted.Read.Count);
    }

    static void Overwrite(string file, string text)
    {
        var time = File.GetLastWriteTimeUtc(file);
        using (var stream = new FileStream(file, FileMode.Open, FileAccess.Write))
        {
            stream.Write(System.Text.Encoding.ASCII.GetBytes(text));
        }
        File.SetLastWriteTimeUtc(file, time);
    }

    void Forge(StorePath path, string view)
    {
        foreach (var file in Files())
        {
            if (ViewRecord.TryDecode(File.ReadAllBytes(file), out var record) && record.Path == path)
            {
                File.WriteAllBytes(file, (record with { View = StorePath.Parse(view) }).Encode());
            }
        }
    }
}
