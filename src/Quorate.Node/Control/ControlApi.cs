using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Quorate.Core;
using Quorate.Log;
using Quorate.Node.Configuration;
using Quorate.Node.Decisions;
using Quorate.Node.Hosting;
using Quorate.Node.Logs;
using Quorate.Sources.Configuration;
using Quorate.Trust;

namespace Quorate.Node.Control;

/// <summary>The REST half of the control listener (docs/control-api.md).</summary>
sealed class ControlApi(NodeContext node)
{
    const int MaxKeyBytes = 65_502;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/status", StatusAsync);
        routes.MapGet("/v1/logs", LogsAsync);
        routes.MapGet("/v1/logs/{log}/head", HeadAsync);
        routes.MapGet("/v1/logs/{log}/misbehaviour", MisbehaviourAsync);
        routes.MapGet("/v1/logs/{log}/entries", EntriesAsync);
        routes.MapGet("/v1/logs/{log}/get", GetAsync);
        routes.MapPost("/v1/logs/{log}/submit", SubmitAsync);
        routes.MapPost("/v1/logs/{log}/flush", FlushAsync);
        routes.MapPost("/v1/decide", DecideAsync);
        routes.MapPost("/v1/reload", ReloadAsync);
        routes.MapPost("/v1/subscriptions/{log}/sync", SyncAsync);
    }

    Task StatusAsync(HttpContext context)
    {
        var configuration = node.Configuration;
        var message = new StatusMessage(
            NodeVersion.Text,
            configuration.Node.State,
            node.StartedAt,
            configuration.Node.PublicUrl,
            node.PublicAddresses,
            [
                .. node.Gates.Select(g => new GateMessage(
                    g.Protocol,
                    g.Address,
                    configuration.NixGate?.Mode == GateMode.Report ? "report" : "enforce",
                    g.PublicKey
                )),
            ],
            node.Registry.Published.Length,
            node.Registry.Followed.Length,
            configuration.SourceFile
        );
        return ControlJsonIo.WriteAsync(context, message, ControlJson.Default.StatusMessage);
    }

    Task LogsAsync(HttpContext context)
    {
        var caches = node.Configuration.Follow.Where(f => f.Cache is not null).Select(ControlViews.OfCache);
        var message = new LogsMessage(
            [.. node.Registry.Published.Select(ControlViews.Of)],
            [.. node.Registry.Followed.Select(ControlViews.Of), .. caches]
        );
        return ControlJsonIo.WriteAsync(context, message, ControlJson.Default.LogsMessage);
    }

    Task HeadAsync(HttpContext context)
    {
        var (published, followed) = Find(context);
        var head = published?.Log.Head ?? followed!.Head ?? throw NeverSynchronised(followed!);
        return ControlJsonIo.WriteAsync(context, ControlViews.Of(head), ControlJson.Default.HeadMessage);
    }

    Task MisbehaviourAsync(HttpContext context)
    {
        var followed =
            Find(context).Followed ?? throw ControlException.Invalid("this log is published here, and nothing is kept against it");
        var evidence = followed.Misbehaviour ?? throw ControlException.NotFound($"{followed.Section.Name} was not caught misbehaving");
        var message = new MisbehaviourMessage(
            MisbehaviourProof.NameOf(evidence.Kind),
            evidence.Detail,
            evidence.Found,
            MisbehaviourProof.Write(evidence, followed.Identity.Key)
        );
        return ControlJsonIo.WriteAsync(context, message, ControlJson.Default.MisbehaviourMessage);
    }

    Task EntriesAsync(HttpContext context)
    {
        var (published, followed) = Find(context);
        var view = published?.Log ?? followed!.Mirror;
        if (view is null)
        {
            throw new ControlException(
                "failed_precondition",
                $"{followed!.Section.Name} is followed in query mode; its entries are not held here"
            );
        }
        var size = view.Head?.TreeSize ?? throw NeverSynchronised(followed!);
        var most = (ulong)node.Configuration.Node.MaxEntriesPerCall;
        var start = Number(context, "start");
        var finish = Number(context, "finish");
        if (start > finish || finish >= size || finish - start >= most)
        {
            throw ControlException.Invalid(
                $"start ≤ finish < {size} (the log's size) and at most {most} entries per call; start is {start}, finish is {finish}"
            );
        }
        var message = new EntriesMessage([.. view.Entries(start, finish).Select(ControlViews.Of)]);
        return ControlJsonIo.WriteAsync(context, message, ControlJson.Default.EntriesMessage);
    }

    async Task GetAsync(HttpContext context)
    {
        var (published, followed) = Find(context);
        var query = context.Request.Query;
        var key = Key(
            query.TryGetValue("key", out var k) ? k.ToString() : null,
            query.TryGetValue("keyHex", out var h) ? h.ToString() : null
        );
        var cancellationToken = context.RequestAborted;
        LookupMessage message;
        if (published is not null)
        {
            var head = published.Log.Head;
            var entries = new List<ValueMessage>();
            foreach (var entry in published.Log.EntriesOf(key.Span))
            {
                entries.Add(ControlViews.Of(entry, await published.Log.ValueAsync(entry.ValueDigest, cancellationToken), "own log"));
            }
            message = new LookupMessage(entries, head.TreeSize, "own log");
        }
        else
        {
            var proof = followed!.Mirror is null ? "proved by the remote's map under a verified head" : "verified mirror";
            message = await followed.LookupAsync(key, cancellationToken) switch
            {
                KeyLookup.Found found => new LookupMessage(
                    [.. found.Entries.Select((e, i) => ControlViews.Of(e, found.Values[i], proof))],
                    found.TreeSize,
                    proof
                ),
                KeyLookup.Absent absent => new LookupMessage([], absent.TreeSize, $"absent: {proof}"),
                KeyLookup.Unavailable unavailable => throw new ControlException("unavailable", unavailable.Reason),
                _ => throw new System.Diagnostics.UnreachableException(),
            };
        }
        await ControlJsonIo.WriteAsync(context, message, ControlJson.Default.LookupMessage);
    }

    async Task SubmitAsync(HttpContext context)
    {
        var entry = FindPublished(context);
        var request = await ControlJsonIo.ReadAsync(context, ControlJson.Default.SubmitRequest);
        var most = node.Configuration.Node.MaxEntriesPerCall;
        if (request.Items.Count > most)
        {
            throw ControlException.Invalid($"{request.Items.Count} items; at most {most} per call");
        }
        // The serializer refuses null where a member may not be null, but not inside lists.
        if (request.Items.Any(item => item is null))
        {
            throw ControlException.Invalid("an item is null");
        }
        try
        {
            var items = request.Items.Select(i => new SubmitItem(i.Key, i.Value)).ToList();
            var outcome = await node.Publisher.SubmitAsync(entry, items, request.Relayed, context.RequestAborted);
            await ControlJsonIo.WriteAsync(context, ControlViews.Of(outcome), ControlJson.Default.SubmitMessage);
        }
        catch (Exception e) when (e is RelayedRefusedException or LogKeyFullException)
        {
            throw new ControlException("failed_precondition", e.Message);
        }
        catch (LogInputException e)
        {
            throw ControlException.Invalid(e.Message);
        }
        catch (LogOverloadedException e)
        {
            throw Overloaded(e);
        }
    }

    async Task FlushAsync(HttpContext context)
    {
        try
        {
            var head = await FindPublished(context).Log.FlushAsync(context.RequestAborted);
            await ControlJsonIo.WriteAsync(context, ControlViews.Of(head), ControlJson.Default.HeadMessage);
        }
        catch (LogOverloadedException e)
        {
            throw Overloaded(e);
        }
    }

    static ControlException Overloaded(LogOverloadedException e) =>
        new("resource_exhausted", $"{e.Message}; try again later") { RetryAfter = TimeSpan.FromSeconds(1) };

    async Task DecideAsync(HttpContext context)
    {
        var request = await ControlJsonIo.ReadAsync(context, ControlJson.Default.DecideRequest);
        if (!Protocol.TryFind(request.Protocol, out var protocol))
        {
            throw ControlException.Invalid($"unknown protocol; known: {string.Join(", ", Protocol.Known.Select(p => p.Name))}");
        }
        var input = new BuildInput(protocol, Key(request.Key, request.KeyHex));
        try
        {
            var decision = await node.Decisions.DecideAsync(input, context.RequestAborted);
            await ControlJsonIo.WriteAsync(context, DecisionJson.Serialize(input, decision));
        }
        catch (NoTrustModelException e)
        {
            throw new ControlException("failed_precondition", e.Message);
        }
    }

    async Task ReloadAsync(HttpContext context)
    {
        try
        {
            var notes = await node.Reload(context.RequestAborted);
            await ControlJsonIo.WriteAsync(context, new ReloadMessage(Ok: true, notes), ControlJson.Default.ReloadMessage);
        }
        catch (ConfigurationException e)
        {
            var message = new ReloadErrorMessage(
                "invalid_argument",
                $"the configuration has errors; the node keeps the old one. {e.Message}",
                [.. e.Errors.Select(error => error.ToString())]
            );
            await ControlJsonIo.WriteAsync(context, message, ControlJson.Default.ReloadErrorMessage, StatusCodes.Status400BadRequest);
        }
        catch (StartException e)
        {
            throw ControlException.Invalid($"the configuration cannot be applied; the node keeps the old one. {e.Message}");
        }
    }

    async Task SyncAsync(HttpContext context)
    {
        var (_, followed) = Find(context);
        if (followed is null || !await node.SyncNow(followed.Identity.Id.Text, context.RequestAborted))
        {
            throw ControlException.Invalid("this log is published here, not followed");
        }
        await ControlJsonIo.WriteAsync(context, ControlViews.Of(followed), ControlJson.Default.LogMessage);
    }

    (PublishedLogEntry? Published, IFollowedLog? Followed) Find(HttpContext context)
    {
        var name = (string)context.Request.RouteValues["log"]!;
        var published = node.Registry.Published.FirstOrDefault(p => p.Section.Name == name || p.Log.Identity.Id.Text == name);
        var followed = node.Registry.Followed.FirstOrDefault(f => f.Section.Name == name || f.Identity.Id.Text == name);
        if (published is null && followed is null)
        {
            var names = node.Registry.Published.Select(p => p.Section.Name).Concat(node.Registry.Followed.Select(f => f.Section.Name));
            throw ControlException.NotFound($"no log has this name or ID{Nearest.Hint(name, names)}");
        }
        return (published, followed);
    }

    PublishedLogEntry FindPublished(HttpContext context) =>
        Find(context).Published ?? throw ControlException.Invalid("this log is followed; only its own builder writes to it");

    static ReadOnlyMemory<byte> Key(string? text, string? hex)
    {
        if ((text is null) == (hex is null))
        {
            throw ControlException.Invalid("give either 'key' (text) or 'keyHex'");
        }
        if (text is not null)
        {
            return Encoding.UTF8.GetBytes(text);
        }
        return Core.Encodings.Hex.TryDecode(hex, MaxKeyBytes, out var bytes)
            ? bytes
            : throw ControlException.Invalid("'keyHex' is not lowercase hexadecimal");
    }

    static ulong Number(HttpContext context, string name) =>
        ulong.TryParse(context.Request.Query[name], NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw ControlException.Invalid($"'{name}' must be a whole number");

    static ControlException NeverSynchronised(IFollowedLog log) =>
        new("unavailable", $"{log.Section.Name} was never synchronised{(log.Status.Fault is { } fault ? $": {fault}" : "")}");
}
