using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Realisations;
using Quorate.Nix.Traces;
using Quorate.Sources.NixCaches;
using Quorate.Sources.Traces;
using Xunit;

namespace Quorate.Tests.Sources.Traces;

/// <summary>A directory says that it has no such object, or it says nothing.</summary>
public sealed class TraceDirectoryTests : IDisposable
{
    static readonly ResolvedInputHash s_input = ResolvedInputHash.Parse("gy2z3n5w3nr0p2xgwnaah0dmkrkjlj7r");
    static readonly BuildTraceKey s_entry = new(StorePath.Parse("/nix/store/gy2z3n5w3nr0p2xgwnaah0dmkrkjlj7r-a.drv"), "out");

    readonly string _root = Directory.CreateTempSubdirectory("q-traces").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    string In(string name) => Path.Combine(_root, name);

    [Theory]
    [InlineData("")]
    [InlineData("traces")]
    [InlineData("traces/aterm")]
    public async Task Find_of_nothing_is_absent(string folder)
    {
        Directory.CreateDirectory(In(folder));
        using var cache = Cache(_root);
        Assert.Same(TraceLookup.Absent, await cache.FindAsync(s_input, CancellationToken.None));
        Assert.Same(NixEntryLookup.Absent, await cache.FindAsync(s_entry, CancellationToken.None));
    }

    [Fact]
    public async Task Find_in_a_directory_that_is_gone_is_unavailable()
    {
        using var cache = Cache(In("gone"));
        Assert.IsType<TraceLookup.Unavailable>(await cache.FindAsync(s_input, CancellationToken.None));
        Assert.IsType<NixEntryLookup.Unavailable>(await cache.FindAsync(s_entry, CancellationToken.None));
    }

    [Fact]
    public async Task Find_where_a_directory_has_the_objects_name_is_unavailable()
    {
        Directory.CreateDirectory(In($"traces/{s_input}"));
        Directory.CreateDirectory(In($"build-trace-v2/{s_entry.Derivation.BaseName}/out.doi"));
        using var cache = Cache(_root);
        Assert.IsType<TraceLookup.Unavailable>(await cache.FindAsync(s_input, CancellationToken.None));
        Assert.IsType<NixEntryLookup.Unavailable>(await cache.FindAsync(s_entry, CancellationToken.None));
    }

    [Fact]
    public async Task Find_behind_a_link_that_leads_nowhere_is_unavailable()
    {
        File.CreateSymbolicLink(In("traces"), In("not-mounted"));
        using var cache = Cache(_root);
        Assert.IsType<TraceLookup.Unavailable>(await cache.FindAsync(s_input, CancellationToken.None));
    }

    [Fact]
    public async Task Add_to_a_directory_that_is_not_there_makes_it()
    {
        using var cache = Cache(In("new/cache"));
        Assert.True(await cache.AddAsync(s_input, TraceElement.Of("a.b.c"u8.ToArray()), CancellationToken.None));
        Assert.IsType<TraceLookup.Found>(await cache.FindAsync(s_input, CancellationToken.None));
    }

    [Fact]
    public async Task Narinfo_of_a_directory_that_is_gone_is_an_outage_and_not_absent()
    {
        Task<NarInfoFile?> FindAsync(string folder) =>
            new BinaryCacheClient(BinaryCacheAddress.Create(new Uri("file://" + folder)), TimeProvider.System).NarInfoAsync(
                s_input.ToString(),
                StorePath.DefaultStoreDir,
                CancellationToken.None
            );

        Assert.Null(await FindAsync(_root));
        Assert.True((await Assert.ThrowsAsync<BinaryCacheException>(() => FindAsync(In("gone")))).IsOutage);
    }

    static TraceCache Cache(string folder) =>
        new(
            TraceCacheAddress.TryParse("dir:" + folder, out var parsed) ? parsed : throw new InvalidOperationException(folder),
            TimeProvider.System
        );
}
