using System.Globalization;
using System.Net;
using System.Text;
using Quorate.Core.Encodings;
using Quorate.Crypto.Notes;
using Quorate.Log.Witnessing;
using Quorate.Sources.Connect;

namespace Quorate.Sources.Witnesses;

/// <summary>A witness over HTTP (C2SP tlog-witness). Thread-safe.</summary>
public sealed class HttpWitness : IWitness, IDisposable
{
    /// <summary>A few signature lines; the largest that are defined have about 3.3 kB.</summary>
    const int MaxReply = 64 << 10;

    const int ShownReason = 200;

    readonly NoteHttp? _submission;
    readonly NoteHttp? _monitor;

    /// <param name="submission">Null for a witness that is never asked.</param>
    /// <param name="monitor">Null for a witness that shows nothing.</param>
    /// <exception cref="FormatException">An address is none of the forms of <see cref="ConnectAddress"/>.</exception>
    public HttpWitness(string name, NoteVerifierKey key, Uri? submission, Uri? monitor)
    {
        (Name, Key) = (name, key);
        _submission = submission is null ? null : new NoteHttp(ConnectAddress.Parse(submission.OriginalString));
        _monitor = monitor is null ? null : new NoteHttp(ConnectAddress.Parse(monitor.OriginalString));
    }

    public string Name { get; }

    public NoteVerifierKey Key { get; }

    public async Task<WitnessReply> AddAsync(AddCheckpointRequest request, CancellationToken cancellationToken)
    {
        if (_submission is null)
        {
            throw new WitnessException("it has no url to ask at");
        }
        var (status, type, body) = await _submission.SendAsync("/add-checkpoint", request.ToBytes(), MaxReply, cancellationToken);
        return status switch
        {
            HttpStatusCode.OK => new WitnessReply.Cosigned(Lines(body)),
            HttpStatusCode.Conflict when type == WitnessAnswer.SizeType => new WitnessReply.Conflict(Size(body)),
            _ => new WitnessReply.Refused((int)status, Shown(body)),
        };
    }

    public Task<SignedNote?> LatestAsync(string origin, CancellationToken cancellationToken) =>
        _monitor is null
            ? Task.FromResult<SignedNote?>(null)
            : _monitor.NoteAsync($"/{CheckpointWitness.HashOf(origin)}/checkpoint", cancellationToken);

    public void Dispose()
    {
        _submission?.Dispose();
        _monitor?.Dispose();
    }

    static List<NoteSignature> Lines(ReadOnlySpan<byte> body)
    {
        var lines = new List<NoteSignature>();
        while (!body.IsEmpty)
        {
            var end = body.IndexOf((byte)'\n');
            if (end < 0 || lines.Count == SignedNote.MaxSignatures || !NoteSignature.TryParse(body[..end], out var line, out _))
            {
                throw new WitnessException("its cosignature is no line of a signed note");
            }
            lines.Add(line);
            body = body[(end + 1)..];
        }
        return lines;
    }

    static ulong Size(ReadOnlySpan<byte> body) =>
        body.EndsWith("\n"u8) && StrictDecimal.TryParse(body[..^1], out var size)
            ? size
            : throw new WitnessException("the size in its 409 is not a number and a newline");

    static string Shown(ReadOnlySpan<byte> body)
    {
        var text = Encoding.UTF8.GetString(body[..Math.Min(body.Length, ShownReason)]).Trim();
        return string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c));
    }
}

/// <summary>Where a log's own node, or a mirror of it, shows the log's checkpoint. Thread-safe.</summary>
public sealed class HttpCheckpoints(string remote) : IDisposable
{
    readonly NoteHttp _http = new(ConnectAddress.Parse(remote));

    public string Remote => remote;

    /// <summary>Unchecked; null where none is shown, as at a Go Trustix.</summary>
    /// <exception cref="WitnessException">The remote failed.</exception>
    public Task<SignedNote?> NewestAsync(Log.LogId log, CancellationToken cancellationToken) =>
        _http.NoteAsync(string.Create(CultureInfo.InvariantCulture, $"/logs/{log}/checkpoint"), cancellationToken);

    public void Dispose() => _http.Dispose();
}
