using Microsoft.Extensions.Logging;
using Quorate.Node.Configuration;
using Quorate.Sources.Configuration;

namespace Quorate.Node.Hosting;

/// <summary>Taking over a changed configuration while the node runs: all of it or nothing.</summary>
public sealed partial class NodeHost
{
    /// <summary>Reads the configuration again and takes it over; when it cannot be used, everything stays as it was.</summary>
    /// <returns>What takes effect only at a restart.</returns>
    /// <exception cref="ConfigurationException">The file has errors.</exception>
    /// <exception cref="StartException">Something of the new configuration cannot be opened, bound or listened on.</exception>
    public async Task<IReadOnlyList<string>> ReloadAsync(CancellationToken cancellationToken)
    {
        await _reloading.WaitAsync(cancellationToken);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _options.Notifier.Reloading();
            var configuration = _options.ReadConfiguration();
            var notes = await ApplyAsync(configuration, cancellationToken);
            Reloaded(configuration.SourceFile ?? "", configuration.Publish.Count, configuration.Follow.Count);
            foreach (var note in notes)
            {
                ReloadNote(note);
            }
            return notes;
        }
        catch (Exception e) when (e is ConfigurationException or StartException)
        {
            if (e is StartException { IsOldRestored: false })
            {
                RestoreFailed(e.Message);
            }
            else
            {
                ReloadRefused(e.Message);
            }
            throw;
        }
        finally
        {
            _options.Notifier.Ready();
            _reloading.Release();
        }
    }

    async Task<IReadOnlyList<string>> ApplyAsync(NodeConfiguration configuration, CancellationToken cancellationToken)
    {
        var before = Context.Configuration;
        var notes = new List<string>(RestartNotes(before, configuration));
        // Fails without changing anything.
        notes.AddRange(await _logs.ApplyAsync(configuration, cancellationToken));
        // Listeners stay where they are until a restart; so do the settings that name them.
        var effective = configuration with
        {
            Node = configuration.Node with
            {
                State = before.Node.State,
                Listen = before.Node.Listen,
                Control = before.Node.Control,
                Tls = before.Node.Tls,
            },
        };
        try
        {
            await ApplyOverLogsAsync(effective, isRestored: false, cancellationToken);
        }
        catch (Exception failure)
        {
            await RestoreAsync(before, failure);
            throw;
        }
        return notes;
    }

    /// <summary>All that stands on the open logs. The gate last: taking over a port is what is likeliest to fail.</summary>
    async Task ApplyOverLogsAsync(NodeConfiguration configuration, bool isRestored, CancellationToken cancellationToken)
    {
        var caches = Caches(configuration);
        _decisions!.Reload(configuration, Ports(caches));
        Context.Configuration = configuration;
        await ApplyGateAsync(configuration, caches, isRestored, cancellationToken);
    }

    /// <summary>Puts the old configuration back after a reload failed half-way: nobody may decide by rules that were reported as refused.</summary>
    /// <exception cref="StartException">That failed, too.</exception>
    async Task RestoreAsync(NodeConfiguration before, Exception failure)
    {
        try
        {
            // Not under the caller's token: who gave up waiting must not leave half of a configuration.
            await _logs.ApplyAsync(before, CancellationToken.None);
            await ApplyOverLogsAsync(before, isRestored: true, CancellationToken.None);
        }
        catch (Exception e) when (e is ConfigurationException or StartException)
        {
            throw new StartException(
                $"{failure.Message}; nor could the old configuration be put back, restart the node: {e.Message}",
                failure
            )
            {
                IsOldRestored = false,
            };
        }
    }

    static IEnumerable<string> RestartNotes(NodeConfiguration before, NodeConfiguration after)
    {
        var (old, now) = (before.Node, after.Node);
        if (!SameRole(before.Witness, after.Witness))
        {
            yield return "witness takes effect at the next restart";
        }
        if (old.State != now.State)
        {
            yield return "node.state takes effect at the next restart";
        }
        if (!old.Listen.SequenceEqual(now.Listen) || old.Control != now.Control || old.Tls != now.Tls)
        {
            yield return "node.listen, node.control and node.tls take effect at the next restart";
        }
        if ((old.MaxBody, old.MaxConcurrentRequests, old.RequestTimeout) != (now.MaxBody, now.MaxConcurrentRequests, now.RequestTimeout))
        {
            yield return "node.max_body, node.max_concurrent_requests and node.request_timeout take full effect at the next restart";
        }
    }

    static bool SameRole(WitnessRoleSection? before, WitnessRoleSection? after) =>
        before is null || after is null
            ? before == after
            : before.Name == after.Name && before.Signer == after.Signer && before.Logs.SequenceEqual(after.Logs);

    [LoggerMessage(43, LogLevel.Information, "Reloaded {File}: {Published} published, {Followed} followed")]
    partial void Reloaded(string file, int published, int followed);

    [LoggerMessage(44, LogLevel.Warning, "Reload: {Note}")]
    partial void ReloadNote(string note);

    [LoggerMessage(45, LogLevel.Error, "Reload refused, the old configuration stays: {Errors}")]
    partial void ReloadRefused(string errors);

    [LoggerMessage(46, LogLevel.Critical, "Reload failed: {Errors}")]
    partial void RestoreFailed(string errors);
}
