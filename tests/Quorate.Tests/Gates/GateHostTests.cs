using Microsoft.Extensions.Logging.Abstractions;
using Quorate.Core;
using Quorate.Crypto.Keys;
using Quorate.Node.Configuration;
using Quorate.Node.Gates;
using Quorate.Node.Logs;
using Quorate.Trust;
using Xunit;

namespace Quorate.Tests.Gates;

public sealed class GateHostTests : IAsyncDisposable, IDecisionService
{
    readonly string _folder = Directory.CreateTempSubdirectory("quorate-test-").FullName;
    readonly GateHost _host;
    readonly SignedCacheSet _caches;

    public GateHostTests()
    {
        _host = new GateHost(this, new LogRegistry(), TimeProvider.System, NullLoggerFactory.Instance);
        _caches = new SignedCacheSet(Path.Combine(_folder, "caches"), TimeProvider.System);
        WriteKey("a.secret");
        WriteKey("b.secret");
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        _caches.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task ApplyAsync_without_a_gate_section_runs_no_gate()
    {
        await ApplyAsync(null);
        Assert.Null(_host.Address);
    }

    [Fact]
    public async Task ApplyAsync_same_section_again_keeps_the_gate()
    {
        await ApplyAsync(Section("a.secret"));
        var address = _host.Address;
        await ApplyAsync(Section("a.secret"));
        Assert.Equal(address, _host.Address);
    }

    [Fact]
    public async Task ApplyAsync_another_key_replaces_the_gate_on_the_same_port()
    {
        await ApplyAsync(Section("a.secret"));
        var address = _host.Address!;
        await ApplyAsync(Section("b.secret") with { Listen = address });
        Assert.Equal(address.Port, _host.Address!.Port);
    }

    [Fact]
    public async Task ApplyAsync_removed_section_ends_the_gate()
    {
        await ApplyAsync(Section("a.secret"));
        await ApplyAsync(null);
        Assert.Null(_host.Address);
    }

    [Fact]
    public async Task PublicKey_is_that_of_the_running_gate()
    {
        await ApplyAsync(Section("a.secret"));
        using var key = NixCacheSecretKey.Read(Path.Combine(_folder, "a.secret"), out _);
        Assert.Equal(key.PublicKey, _host.PublicKey);
    }

    [Fact]
    public async Task ApplyAsync_missing_key_keeps_the_old_gate()
    {
        await ApplyAsync(Section("a.secret"));
        var address = _host.Address;
        var error = await Assert.ThrowsAsync<GateException>(() => ApplyAsync(Section("missing.secret")));
        Assert.Contains("missing.secret", error.Message, StringComparison.Ordinal);
        Assert.Equal(address, _host.Address);
    }

    [Fact]
    public async Task ApplyAsync_key_of_the_witness_is_refused_by_its_bytes()
    {
        using (var key = NixCacheSecretKey.Read(Path.Combine(_folder, "a.secret"), out _))
        {
            _host.WitnessKey = key.PublicKey.Key;
        }
        var error = await Assert.ThrowsAsync<GateException>(() => ApplyAsync(Section("a.secret")));
        Assert.Contains("the witness", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ApplyAsync_upstream_that_is_no_cache_is_refused() =>
        await Assert.ThrowsAsync<GateException>(() => ApplyAsync(Section("a.secret") with { Upstreams = [new Uri("s3://bucket")] }));

    [Fact]
    public async Task ApplyAsync_address_in_use_is_refused_by_name()
    {
        await using var other = await LoopbackCache.StartAsync();
        var taken = new Uri($"http://127.0.0.1:{other.Url.Port}");
        var error = await Assert.ThrowsAsync<GateException>(() => ApplyAsync(Section("a.secret") with { Listen = taken }));
        Assert.Contains(taken.Port.ToString(), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ApplyAsync_address_of_another_machine_is_refused_by_name()
    {
        var foreign = new Uri("http://192.0.2.1:8098");
        var error = await Assert.ThrowsAsync<GateException>(() => ApplyAsync(Section("a.secret") with { Listen = foreign }));
        Assert.Contains("192.0.2.1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Apply_unchanged_cache_keeps_its_object()
    {
        var configuration = WithCache(new Uri("https://cache.example"));
        Assert.Same(_caches.Apply(configuration).Single(), _caches.Apply(configuration).Single());
    }

    [Fact]
    public void Apply_changed_cache_is_opened_anew() =>
        Assert.NotSame(
            _caches.Apply(WithCache(new Uri("https://cache.example"))).Single(),
            _caches.Apply(WithCache(new Uri("https://other.example"))).Single()
        );

    public Task<Decision> DecideAsync(BuildInput input, CancellationToken cancellationToken) => throw new NotSupportedException();

    Task ApplyAsync(GateSection? section) =>
        _host.ApplyAsync(
            new NodeConfiguration
            {
                Node = new NodeSection { State = _folder, Control = "unused" },
                NixGate = section,
            },
            [],
            CancellationToken.None
        );

    GateSection Section(string key) => new() { Listen = new Uri("http://127.0.0.1:0"), SigningKey = Path.Combine(_folder, key) };

    NodeConfiguration WithCache(Uri url) =>
        new()
        {
            Node = new NodeSection { State = _folder, Control = "unused" },
            Follow =
            [
                new FollowSection
                {
                    Name = "nix/os",
                    Builder = "nixos",
                    Protocol = Protocol.Nix,
                    Cache = new CacheSection(url, "lab-1", Nix.NixSamples.PublicKey.Key),
                },
            ],
        };

    void WriteKey(string name)
    {
        using var key = NixCacheSecretKey.Generate("gate-1");
        key.Write(Path.Combine(_folder, name));
    }
}
