using System.Text;
using Quorate.Crypto.Notes;

namespace Quorate.Log.Witnessing;

/// <summary>A witness's answer to <c>add-checkpoint</c> as HTTP carries it (C2SP tlog-witness).</summary>
public sealed record WitnessAnswer(int Status, string ContentType, ReadOnlyMemory<byte> Body)
{
    public const string SizeType = "text/x.tlog.size";

    const string TextType = "text/plain; charset=utf-8";

    /// <summary>For how long the caller should wait; null unless it asks too often.</summary>
    public TimeSpan? RetryAfter { get; init; }

    internal static WitnessAnswer Cosigned(NoteSignature line) => new(200, TextType, Encoding.UTF8.GetBytes($"{line}\n"));

    internal static WitnessAnswer Malformed(string reason) => Refused(400, reason);

    internal static WitnessAnswer NotSigned(string reason) => Refused(403, reason);

    internal static WitnessAnswer UnknownLog(string origin) => Refused(404, $"this witness does not know the log {origin}");

    /// <summary>The size that the witness has, for the caller to prove from.</summary>
    internal static WitnessAnswer Conflict(ulong size) => new(409, SizeType, Encoding.ASCII.GetBytes($"{size}\n"));

    internal static WitnessAnswer Inconsistent(string reason) => Refused(422, reason);

    internal static WitnessAnswer TooOften(TimeSpan wait) =>
        Refused(429, "more checkpoints of this log than this witness is asked to keep up with") with
        {
            RetryAfter = wait,
        };

    internal static WitnessAnswer Broken() => Refused(503, "this witness cannot keep what it signs, and so signs nothing");

    static WitnessAnswer Refused(int status, string reason) => new(status, TextType, Encoding.UTF8.GetBytes(reason + "\n"));
}
