using System.Buffers;
using System.Text.Json;
using Quorate.Core;
using Quorate.Core.Encodings;

namespace Quorate.Sources.Control;

/// <summary>One item to submit.</summary>
public sealed record SubmitEntry(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value);

/// <summary>
/// A node's control API. Every method throws <see cref="NodeUnreachableException"/> when there is no answer and
/// <see cref="ControlException"/> when the answer is an error or not understood. As thread-safe as its transport.
/// </summary>
public sealed class ControlClient(IControlTransport transport) : IAsyncDisposable
{
    public static ControlClient Connect(NodeAddress address, TimeSpan? timeout = null) =>
        new(new HttpControlTransport(address, timeout ?? TimeSpan.FromSeconds(60)));

    public Task<Answer<NodeStatus>> StatusAsync(CancellationToken cancellationToken) =>
        AskAsync("GET", "/v1/status", null, ControlReader.Status, cancellationToken);

    public Task<Answer<LogList>> LogsAsync(CancellationToken cancellationToken) =>
        AskAsync("GET", "/v1/logs", null, ControlReader.Logs, cancellationToken);

    /// <param name="log">Name or log id.</param>
    public Task<Answer<HeadInfo>> HeadAsync(string log, CancellationToken cancellationToken) =>
        AskAsync("GET", Log(log, "head"), null, ControlReader.Head, cancellationToken);

    /// <summary>What a followed log was caught in; code <c>not_found</c> when it was not.</summary>
    public Task<Answer<MisbehaviourInfo>> MisbehaviourAsync(string log, CancellationToken cancellationToken) =>
        AskAsync("GET", Log(log, "misbehaviour"), null, ControlReader.Misbehaviour, cancellationToken);

    /// <summary>Entries <paramref name="start"/> to <paramref name="finish"/>, both inclusive, at most 10,000.</summary>
    public Task<Answer<IReadOnlyList<EntryInfo>>> EntriesAsync(
        string log,
        ulong start,
        ulong finish,
        CancellationToken cancellationToken
    ) => AskAsync("GET", Log(log, $"entries?start={start}&finish={finish}"), null, ControlReader.Entries, cancellationToken);

    /// <summary>All entries under a key, with values; the first is the builder's vote.</summary>
    public Task<Answer<IReadOnlyList<EntryInfo>>> GetAsync(string log, ReadOnlyMemory<byte> key, CancellationToken cancellationToken) =>
        AskAsync("GET", Log(log, "get?keyHex=" + Hex.Encode(key.Span)), null, ControlReader.Entries, cancellationToken);

    /// <param name="relayed">The items were not built here; the node refuses them for a log of built claims.</param>
    public Task<Answer<SubmitOutcome>> SubmitAsync(
        string log,
        IReadOnlyList<SubmitEntry> items,
        bool relayed,
        CancellationToken cancellationToken
    ) =>
        AskAsync(
            "POST",
            Log(log, "submit"),
            Document(w =>
            {
                w.WriteStartArray("items");
                foreach (var item in items)
                {
                    w.WriteStartObject();
                    w.WriteBase64String("key", item.Key.Span);
                    w.WriteBase64String("value", item.Value.Span);
                    w.WriteEndObject();
                }
                w.WriteEndArray();
                w.WriteBoolean("relayed", relayed);
            }),
            ControlReader.Submitted,
            cancellationToken
        );

    /// <summary>Keeps a resolved derivation beside its claims in the node's trace store; it is no harm if it is there already.</summary>
    /// <param name="hash">The hash part of its path, which the node computes again.</param>
    /// <exception cref="ControlException">The node refused it.</exception>
    public async Task KeepDerivationAsync(string hash, ReadOnlyMemory<byte> aterm, CancellationToken cancellationToken)
    {
        var path = $"/traces/drv/{Uri.EscapeDataString(hash)}";
        var reply = await transport.SendAsync("PUT", path, aterm, cancellationToken);
        if (reply.Status is not (200 or 201))
        {
            throw Error(reply.Status, Parse("PUT", path, reply));
        }
    }

    public Task<Answer<HeadInfo>> FlushAsync(string log, CancellationToken cancellationToken) =>
        AskAsync("POST", Log(log, "flush"), Document(_ => { }), ControlReader.Head, cancellationToken);

    public Task<Answer<DecisionInfo>> DecideAsync(string protocol, ReadOnlyMemory<byte> key, CancellationToken cancellationToken) =>
        AskAsync(
            "POST",
            "/v1/decide",
            Document(w =>
            {
                w.WriteString("protocol", protocol);
                w.WriteString("keyHex", Hex.Encode(key.Span));
            }),
            ControlReader.Decision,
            cancellationToken
        );

    public Task<Answer<bool>> ReloadAsync(CancellationToken cancellationToken) =>
        AskAsync("POST", "/v1/reload", Document(_ => { }), _ => true, cancellationToken);

    public ValueTask DisposeAsync() => transport.DisposeAsync();

    static string Log(string log, string rest) => $"/v1/logs/{Uri.EscapeDataString(log)}/{rest}";

    static ReadOnlyMemory<byte> Document(Action<Utf8JsonWriter> members)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            members(writer);
            writer.WriteEndObject();
        }
        return buffer.WrittenMemory;
    }

    async Task<Answer<T>> AskAsync<T>(
        string method,
        string path,
        ReadOnlyMemory<byte>? body,
        Func<JsonElement, T> read,
        CancellationToken cancellationToken
    )
    {
        var reply = await transport.SendAsync(method, path, body, cancellationToken);
        var document = Parse(method, path, reply);
        try
        {
            return reply.Status == 200 ? new Answer<T>(read(document), document) : throw Error(reply.Status, document);
        }
        catch (MalformedException e)
        {
            throw new ControlException(reply.Status, "unknown", $"the node's answer to {method} {path} is not understood: {e.Message}");
        }
    }

    static JsonElement Parse(string method, string path, in ControlReply reply)
    {
        try
        {
            using var parsed = JsonDocument.Parse(reply.Body);
            return parsed.RootElement.Clone();
        }
        catch (JsonException)
        {
            throw new ControlException(
                reply.Status,
                "unknown",
                $"status {reply.Status} without a JSON document to {method} {path}: is this a quorated control listener?"
            );
        }
    }

    static ControlException Error(int status, JsonElement document) =>
        new(
            status,
            ControlReader.Text(document, "code") ?? "unknown",
            ControlReader.Text(document, "message") ?? $"status {status} without a message"
        );
}
