using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Realisations;
using Quorate.Node.Gates.Traces;
using Quorate.Sources.Traces;
using Quorate.Testing;
using Xunit;

namespace Quorate.Tests.Gates;

/// <summary>Which derivations the gate knows by the hash that realisations are filed under, and when it looks again. The clock stands still.</summary>
public sealed class KnownDerivationsTests : IDisposable
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("quorate-");
    readonly ManualTime _time = new();
    readonly List<ResolvedInputHash> _logged = [];
    readonly TraceCache _cache;
    readonly KnownDerivations _known;

    public KnownDerivationsTests()
    {
        Assert.True(TraceCacheAddress.TryParse("dir:" + _folder.FullName, out var address));
        _cache = new TraceCache(address, _time);
        _known = new KnownDerivations(
            directory: null,
            new DerivationPlaces(own: null, [_cache], _time),
            () => _logged,
            _cache.ListDerivations,
            StorePath.DefaultStoreDir,
            _time
        );
    }

    [Fact]
    public async Task OfAsync_soon_after_a_look_in_vain_finds_what_logs_have_got_since()
    {
        Assert.Empty(await FindAsync());

        await KeepAsync();
        _logged.Add(TraceScene.A.Hash);

        Assert.Equal([TraceScene.A.Path], await FindAsync());
    }

    [Fact]
    public async Task OfAsync_lists_caches_again_only_after_a_pause()
    {
        Assert.Empty(await FindAsync());

        await KeepAsync();

        Assert.Empty(await FindAsync());
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal([TraceScene.A.Path], await FindAsync());
    }

    public void Dispose()
    {
        _known.Dispose();
        _cache.Dispose();
        _folder.Delete(recursive: true);
    }

    async Task<StorePath[]> FindAsync() =>
        [.. await _known.OfAsync(DrvOutputId.Of(TraceScene.A, "out").Hash, TestContext.Current.CancellationToken)];

    Task KeepAsync() => _cache.AddDerivationAsync(TraceScene.A.Hash, TraceScene.A.ToAterm(), TestContext.Current.CancellationToken);
}
