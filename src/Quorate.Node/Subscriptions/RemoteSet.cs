using System.Collections.Immutable;
using Quorate.Log;
using Quorate.Sources.Connect;
using Quorate.Sources.Tiles;

namespace Quorate.Node.Subscriptions;

/// <summary>
/// The remotes of one followed log with their clients. The one that last served comes first, so that a dead one costs its time-out only
/// once. Thread-safe.
/// </summary>
sealed class RemoteSet : IDisposable
{
    static readonly ConnectClientOptions s_options = new() { Timeout = TimeSpan.FromSeconds(30), ConnectTimeout = TimeSpan.FromSeconds(5) };

    readonly Lock _lock = new();
    readonly int _maxValue;
    readonly List<Remote> _retired = [];
    ImmutableArray<Remote> _remotes = [];

    public RemoteSet(IEnumerable<Uri> urls, long maxValue)
    {
        _maxValue = (int)Math.Min(maxValue, int.MaxValue);
        Replace(urls);
    }

    /// <summary>In the order in which they should be asked.</summary>
    public IReadOnlyList<ILogSource> Sources
    {
        get
        {
            lock (_lock)
            {
                return [.. _remotes.Select(r => r.Source)];
            }
        }
    }

    /// <summary>Puts a remote that served well first.</summary>
    public void Prefer(ILogSource source)
    {
        lock (_lock)
        {
            if (_remotes.FirstOrDefault(r => r.Source == source) is { } remote)
            {
                _remotes = _remotes.Remove(remote).Insert(0, remote);
            }
        }
    }

    public void Replace(IEnumerable<Uri> urls)
    {
        lock (_lock)
        {
            var before = _remotes;
            _remotes = [.. urls.Select(url => before.FirstOrDefault(r => r.Url == url.OriginalString) ?? Create(url))];
            // A poll under way may still use them; clients of removed remotes end with the log.
            _retired.AddRange(before.Except(_remotes));
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (var remote in _remotes.Concat(_retired))
            {
                remote.Dispose();
            }
            _remotes = [];
            _retired.Clear();
        }
    }

    Remote Create(Uri url)
    {
        var client = new ConnectClient(ConnectAddress.Parse(url.OriginalString), s_options);
        return new Remote(
            url.OriginalString,
            client,
            new TileLogSource(client.Address, new ConnectLogSource(client, _maxValue), s_options)
        );
    }

    sealed record Remote(string Url, ConnectClient Client, TileLogSource Source) : IDisposable
    {
        public void Dispose()
        {
            Source.Dispose();
            Client.Dispose();
        }
    }
}
