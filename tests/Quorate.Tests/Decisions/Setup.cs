using System.Text;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Log;
using Quorate.Node.Configuration;
using Quorate.Node.Decisions;
using Quorate.Node.Logs;
using Quorate.Trust;

namespace Quorate.Tests.Decisions;

/// <summary>A node's logs and configuration in memory, with the service that decides over them.</summary>
sealed class Setup
{
    public static readonly DateTimeOffset Start = new(2026, 6, 1, 0, 0, 0, TimeSpan.Zero);

    readonly List<FollowSection> _follow = [];
    readonly List<IFollowedLog> _followed = [];
    readonly List<PublishedLogEntry> _published = [];
    readonly List<FakeCache> _caches = [];

    public ManualTime Time { get; } = new(Start);

    public LogRegistry Logs { get; } = new();

    public DecisionPorts Ports { get; private set; } = new();

    public static BuildInput Input(string key = "key") => new(Protocol.Test, Encoding.UTF8.GetBytes(key));

    public static LogIdentity Identity(string name) =>
        new(Protocol.Test, Ed25519PrivateKey.FromSeed(Sha256Digest.HashData(Encoding.UTF8.GetBytes(name)).AsSpan()).PublicKey);

    public FakeLog Mirror(string builder, string? name = null, ClaimsKind claims = ClaimsKind.Built)
    {
        var log = new FakeLog(Identity(name ?? builder)).Synchronised();
        Follow(builder, name, FollowMode.Mirror, claims, log);
        return log;
    }

    public FakeFollowed Follow(
        string builder,
        string? name = null,
        FollowMode mode = FollowMode.Query,
        ClaimsKind claims = ClaimsKind.Built,
        FakeLog? mirror = null
    )
    {
        var section = new FollowSection
        {
            Name = name ?? builder,
            Builder = builder,
            Protocol = Protocol.Test,
            Key = Identity(name ?? builder).Key,
            Mode = mode,
            Claims = claims,
        };
        _follow.Add(section);
        var followed = new FakeFollowed(section, mirror);
        _followed.Add(followed);
        return followed;
    }

    public FakeFollowed Followed(int index) => (FakeFollowed)_followed[index];

    public FakeLog Publish(string builder)
    {
        var section = new PublishSection
        {
            Name = builder,
            Builder = builder,
            Protocol = Protocol.Test,
            Signer = new SignerSection(builder, ""),
        };
        var log = new FakeLog(Identity(builder)).Synchronised();
        _published.Add(new PublishedLogEntry(section, log));
        return log;
    }

    public FakeCache Cache(string builder)
    {
        var key = Identity(builder).Key;
        _follow.Add(
            new FollowSection
            {
                Name = builder,
                Builder = builder,
                Protocol = Protocol.Test,
                Cache = new CacheSection(new Uri("https://cache.example"), $"{builder}-1", key),
            }
        );
        var cache = new FakeCache(builder);
        _caches.Add(cache);
        return cache;
    }

    public NodeConfiguration Configuration(TrustSection trust) =>
        new()
        {
            Node = new NodeSection { State = "/nonexistent", Control = "unix:///nonexistent/control.socket" },
            Publish = [.. _published.Select(entry => entry.Section)],
            Follow = _follow,
            Trust = new Dictionary<string, TrustSection> { ["test"] = trust },
            SourceFile = "quorate.yaml",
        };

    public static TrustSection RuleSection(string rule) => new() { Rule = new RuleText(rule, 10, 11) };

    public DecisionService Service(TrustSection trust, DecisionPorts? ports = null)
    {
        Logs.Replace(_published, _followed);
        Ports = (ports ?? new DecisionPorts()) with { TestimonySources = _caches };
        return DecisionService.Create(Configuration(trust), Logs, Ports, Time);
    }

    public DecisionService Service(string rule, DecisionPorts? ports = null) => Service(RuleSection(rule), ports);
}
