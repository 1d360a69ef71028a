using System.Collections.Frozen;
using System.Text;
using Quorate.Core;
using Quorate.Core.Files;
using Quorate.Crypto.Notes;
using Quorate.Log.Tiles;

namespace Quorate.Log.Witnessing;

/// <summary>
/// Cosigns checkpoints of the logs that it was told about, each only when it extends what was cosigned before (C2SP tlog-witness). What is to be cosigned is
/// durable before its signature leaves <see cref="Add"/>, so that no crash makes it sign backwards or sideways. Thread-safe.
/// </summary>
public sealed class CheckpointWitness
{
    readonly FrozenDictionary<string, WitnessedLog> _byOrigin;
    readonly FrozenDictionary<string, WitnessedLog> _byHash;

    CheckpointWitness(NoteCosigner cosigner, IReadOnlyList<WitnessedLog> logs)
    {
        Key = cosigner.VerifierKey;
        _byOrigin = logs.ToFrozenDictionary(log => log.Origin, StringComparer.Ordinal);
        _byHash = logs.ToFrozenDictionary(log => HashOf(log.Origin), StringComparer.Ordinal);
    }

    public NoteVerifierKey Key { get; }

    public IEnumerable<WitnessedLog> Logs => _byOrigin.Values;

    /// <summary>Lowercase hex of SHA-256 of the origin: how the monitoring address and the files name a log.</summary>
    public static string HashOf(string origin) => Sha256Digest.HashData(Encoding.UTF8.GetBytes(origin)).ToString();

    /// <param name="folder">Holds a file for each log; created when it is not there. No other process may use it.</param>
    /// <param name="logs">Their keys, whose names are their origins.</param>
    /// <exception cref="MalformedException">A file is not what this class wrote, and who goes on without it might sign sideways.</exception>
    public static CheckpointWitness Open(string folder, NoteCosigner cosigner, IEnumerable<NoteVerifierKey> logs, TimeProvider time)
    {
        if (!Directory.Exists(folder))
        {
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            DurableFile.FlushDirectory(Path.GetDirectoryName(Path.GetFullPath(folder))!);
        }
        return new CheckpointWitness(
            cosigner,
            [.. logs.Select(key => WitnessedLog.Open(Path.Combine(folder, HashOf(key.Name)), key, cosigner, time))]
        );
    }

    /// <summary>Judges a request and, if all is well, cosigns.</summary>
    public WitnessAnswer Add(ReadOnlySpan<byte> body)
    {
        if (!AddCheckpointRequest.TryParse(body, out var request, out var error))
        {
            return WitnessAnswer.Malformed(error);
        }
        if (!Checkpoint.TryParse(request.Checkpoint.Text.Span, out var checkpoint, out error))
        {
            return IsEmptyTreeWithRoot(request.Checkpoint.Text.Span) ? WitnessAnswer.Inconsistent(error) : WitnessAnswer.Malformed(error);
        }
        if (!_byOrigin.TryGetValue(checkpoint.Origin, out var log))
        {
            return WitnessAnswer.UnknownLog(checkpoint.Origin);
        }
        if (NoteCheck.Of(request.Checkpoint, [log.Key]).Result is Verification.Rejected rejected)
        {
            return WitnessAnswer.NotSigned(rejected.Detail);
        }
        return request.OldSize > checkpoint.Size
            ? WitnessAnswer.Malformed($"the old size {request.OldSize} is larger than that of the checkpoint, {checkpoint.Size}")
            : log.Add(request, checkpoint);
    }

    /// <summary>The newest cosigned checkpoint of the log whose origin has this hash; null when there is none.</summary>
    public SignedNote? Latest(string originHash) => _byHash.TryGetValue(originHash, out var log) ? log.Latest : null;

    /// <summary>A well-formed text that gives the empty tree a root of its own: no malformed request, but one that cannot be consistent.</summary>
    static bool IsEmptyTreeWithRoot(ReadOnlySpan<byte> text)
    {
        var lines = Encoding.UTF8.GetString(text).Split('\n');
        lines[1] = lines.Length > 1 && lines[1] == "0" ? "1" : "";
        return Checkpoint.TryParse(Encoding.UTF8.GetBytes(string.Join('\n', lines)), out _, out _);
    }
}
