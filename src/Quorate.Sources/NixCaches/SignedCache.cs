using Quorate.Core;
using Quorate.Crypto.Keys;
using Quorate.Nix;
using Quorate.Trust;

namespace Quorate.Sources.NixCaches;

/// <summary>What a signed cache has to say about a hash part.</summary>
public abstract record SignedCacheAnswer
{
    /// <param name="FirstSeen">When this node first saw the signature.</param>
    public sealed record Signed(NixClaim Claim, DateTimeOffset FirstSeen) : SignedCacheAnswer;

    /// <summary>The cache has no narinfo file, or none with a good signature by the configured key: its signer says nothing.</summary>
    public sealed record Silent(string Reason) : SignedCacheAnswer;

    public sealed record Unavailable(string Reason) : SignedCacheAnswer;
}

/// <summary>
/// A binary cache whose signing key is a builder (<c>follow: - { cache: …, key: … }</c>). Asked when a decision needs it. What the key
/// signed is kept and never asked for again, so the first signed claim is the signer's vote and later decisions need no network; that it
/// said nothing is believed for <see cref="SilenceIsBelieved"/>. Thread-safe.
/// </summary>
public sealed class SignedCache : ITestimonySource, IDisposable
{
    /// <remarks>Short, because decisions remember a cache's silence for a minute of their own.</remarks>
    public static readonly TimeSpan SilenceIsBelieved = TimeSpan.FromSeconds(10);

    /// <summary>A cache that is down is not asked for anything during this time, so that a dead one does not delay every decision.</summary>
    public static readonly TimeSpan OutagePause = TimeSpan.FromSeconds(10);

    readonly BinaryCacheClient _client;
    readonly SignedNarInfoStore _store;
    readonly NixCachePublicKey _key;
    readonly string _storeDir;
    readonly TimeProvider _time;
    readonly SharedWork<string, SignedCacheAnswer> _asked;
    volatile Outage? _outage;

    /// <param name="folder">Where signed narinfo files are kept; made when missing.</param>
    public SignedCache(
        string name,
        string builder,
        BinaryCacheClient client,
        NixCachePublicKey key,
        string storeDir,
        string folder,
        TimeProvider time
    )
    {
        Name = name;
        Builder = builder;
        _client = client;
        _key = key;
        _storeDir = storeDir;
        _time = time;
        _store = new SignedNarInfoStore(folder, storeDir);
        _asked = new SharedWork<string, SignedCacheAnswer>(AskCacheAsync, _ => SilenceIsBelieved, maxEntries: 10_000, time, WeightOf);
    }

    public string Name { get; }

    public BinaryCacheAddress Address => _client.Address;

    /// <summary>Why kept claims cannot be written to disk; null when they can.</summary>
    public string? StoreFault => _store.Fault;

    public string Builder { get; }

    public Protocol Protocol => Protocol.Nix;

    public async Task<SignedCacheAnswer> LookupAsync(string hashPart, CancellationToken cancellationToken)
    {
        try
        {
            return await _asked.GetAsync(hashPart, cancellationToken);
        }
        catch (Exception e) when (e is ObjectDisposedException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            // A reload closed this cache while somebody still held it.
            return new SignedCacheAnswer.Unavailable($"{_client.Address} is no longer followed");
        }
    }

    public async Task<Testimony> AskAsync(BuildInput input, CancellationToken cancellationToken)
    {
        var key = input.Key;
        string hashPart;
        if (NixKeyForms.TryPath(key.Span, out var path))
        {
            hashPart = path.HashPart;
        }
        else if (NixKeyForms.TryHashPart(key.Span, out var legacy))
        {
            hashPart = legacy;
        }
        else
        {
            return new Testimony.Silent(Builder);
        }
        switch (await LookupAsync(hashPart, cancellationToken))
        {
            case SignedCacheAnswer.Signed signed:
                if (!signed.Claim.BelongsUnder(key.Span, out var error))
                {
                    return new Testimony.Malformed(Builder, error);
                }
                // Spelled as a log's value, so that whoever gets it over Trustix's RPC can read it. The signed file itself is in the store.
                var raw = new RawEvidence(signed.Claim.ToBytes());
                var claim = new Claim(input, signed.Claim.ToOutputs(), Builder, ClaimOrigin.SignedCache, raw);
                return new Testimony.Given(Builder, new Evidence(claim, Position: null, signed.FirstSeen, SelfDivergences: []));
            case SignedCacheAnswer.Unavailable unavailable:
                return new Testimony.Unavailable(Builder, unavailable.Reason);
            default:
                return new Testimony.Silent(Builder);
        }
    }

    public void Dispose()
    {
        _asked.Dispose();
        _client.Dispose();
    }

    async Task<SignedCacheAnswer> AskCacheAsync(string hashPart, CancellationToken cancellationToken)
    {
        if (_store.TryLoad(hashPart, out var kept, out var firstSeen) && TrySigned(kept, firstSeen, out var known))
        {
            return known;
        }
        if (_outage is { } outage && _time.GetElapsedTime(outage.Since) < OutagePause)
        {
            return new SignedCacheAnswer.Unavailable(outage.Reason);
        }
        NarInfoFile? file;
        try
        {
            file = await _client.NarInfoAsync(hashPart, _storeDir, cancellationToken);
        }
        catch (BinaryCacheException e)
        {
            if (e.IsOutage)
            {
                _outage = new Outage(_time.GetTimestamp(), e.Message);
            }
            return new SignedCacheAnswer.Unavailable(e.Message);
        }
        if (file is null)
        {
            return new SignedCacheAnswer.Silent($"{_client.Address} does not have it");
        }
        var now = _time.GetUtcNow();
        if (!TrySigned(file.Info, now, out var answer))
        {
            return new SignedCacheAnswer.Silent($"{_client.Address} has it, but not signed by {_key.Name}");
        }
        _store.Keep(hashPart, file.Bytes.Span, now);
        return answer;
    }

    static int WeightOf(SignedCacheAnswer answer) => answer is SignedCacheAnswer.Signed signed ? 1 + signed.Claim.References.Count / 10 : 1;

    bool TrySigned(NarInfo info, DateTimeOffset firstSeen, out SignedCacheAnswer.Signed answer)
    {
        answer = null!;
        if (!info.IsSignedBy(_key) || !NixClaim.TryFrom(info, out var claim))
        {
            return false;
        }
        answer = new SignedCacheAnswer.Signed(claim, firstSeen);
        return true;
    }

    sealed record Outage(long Since, string Reason);
}
