using Microsoft.Extensions.Logging;
using Quorate.Node.Configuration;
using Quorate.Rpc;
using Quorate.Rpc.Messages;
using Quorate.Sources.Connect;
using Quorate.Sources.NixCaches;

namespace Quorate.Node.Gates;

/// <summary>
/// Asks the remotes of logs that are followed with <c>use_upstream</c> which binary cache they name (<c>meta.upstream</c>), at start and from
/// time to time. The answer is not signed and comes from whoever operates the remote; it only adds a place to look for bytes.
/// </summary>
sealed class LogUpstreams : IAsyncDisposable
{
    static readonly TimeSpan s_interval = TimeSpan.FromMinutes(10);
    static readonly TimeSpan s_retry = TimeSpan.FromSeconds(30);

    readonly IReadOnlyList<FollowSection> _follows;
    readonly TimeProvider _time;
    readonly ILogger _logger;
    readonly Action<IReadOnlyCollection<Uri>> _found;
    readonly CancellationTokenSource _stopped = new();
    readonly Dictionary<string, Uri> _known = new(StringComparer.Ordinal);
    readonly Task _loop;

    public LogUpstreams(IReadOnlyList<FollowSection> follows, TimeProvider time, ILogger logger, Action<IReadOnlyCollection<Uri>> found)
    {
        _follows = follows;
        _time = time;
        _logger = logger;
        _found = found;
        _loop = follows.Count == 0 ? Task.CompletedTask : RunAsync(_stopped.Token);
    }

    public async ValueTask DisposeAsync()
    {
        await _stopped.CancelAsync();
        await _loop;
        _stopped.Dispose();
    }

    async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                var complete = true;
                var changed = false;
                foreach (var follow in _follows)
                {
                    var upstream = await AskAsync(follow, cancellationToken);
                    complete &= upstream is not null;
                    if (upstream is not null && (!_known.TryGetValue(follow.Name, out var known) || known != upstream))
                    {
                        _known[follow.Name] = upstream;
                        changed = true;
                        _logger.UsesLogUpstream(upstream, follow.Name);
                    }
                }
                if (changed)
                {
                    _found([.. _follows.Where(follow => _known.ContainsKey(follow.Name)).Select(follow => _known[follow.Name])]);
                }
                await Task.Delay(complete ? s_interval : s_retry, _time, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The gate ends.
        }
    }

    async Task<Uri?> AskAsync(FollowSection follow, CancellationToken cancellationToken)
    {
        foreach (var remote in follow.Remotes)
        {
            if (!ConnectAddress.TryParse(remote.OriginalString, out var address))
            {
                continue;
            }
            try
            {
                using var client = new ConnectClient(address, new ConnectClientOptions { Timeout = TimeSpan.FromSeconds(10) });
                var answer = await client.CallAsync(TrustixMethods.NodeApi.Logs, new LogsRequest(), cancellationToken);
                var log = answer.Logs.FirstOrDefault(log => log.LogID == follow.Identity?.Id.Text);
                if (
                    log is not null
                    && log.Meta.TryGetValue("upstream", out var text)
                    && text.Length <= 2048
                    && Uri.TryCreate(text, UriKind.Absolute, out var url)
                    && BinaryCacheAddress.TryCreate(url, out _)
                )
                {
                    return url;
                }
            }
            catch (RpcException e)
            {
                _logger.LogUpstreamUnknown(follow.Name, $"{address}: {e.Message}");
            }
        }
        return null;
    }
}
