using Quorate.Core;
using Quorate.Core.Files;
using Quorate.Core.Merkle;
using Quorate.Crypto.Notes;
using Quorate.Log.Tiles;

namespace Quorate.Log.Witnessing;

/// <summary>
/// What a witness remembers of one log: a file with the newest checkpoint, as signed by the log and cosigned here. It is also what monitors are given.
/// </summary>
public sealed class WitnessedLog
{
    /// <summary>A log that does not grow may ask again and again; the file follows that often, which monitors want.</summary>
    static readonly TimeSpan s_refresh = TimeSpan.FromMinutes(1);

    /// <summary>Growth that is taken at once, and in the long run each second. Only the log itself can spend it.</summary>
    const double Burst = 20;
    const double PerSecond = 1;

    readonly Lock _lock = new();
    readonly string _path;
    readonly NoteCosigner _cosigner;
    readonly TimeProvider _time;

    // Under the lock, but for readers of the newest note, who take what is there.
    volatile SignedNote? _latest;
    Checkpoint? _checkpoint;
    ulong _cosignedAt;
    bool _isBroken;
    double _allowance = Burst;
    long _allowedAt;

    WitnessedLog(string path, NoteVerifierKey key, NoteCosigner cosigner, TimeProvider time)
    {
        (_path, Key, _cosigner, _time) = (path, key, cosigner, time);
        _allowedAt = time.GetTimestamp();
    }

    /// <summary>The log's key, by whose name its checkpoints begin.</summary>
    public NoteVerifierKey Key { get; }

    public string Origin => Key.Name;

    public SignedNote? Latest => _latest;

    internal static WitnessedLog Open(string path, NoteVerifierKey key, NoteCosigner cosigner, TimeProvider time)
    {
        var log = new WitnessedLog(path, key, cosigner, time);
        if (File.Exists(path))
        {
            log.Restore();
        }
        return log;
    }

    /// <summary>The request is well-formed and signed by the log.</summary>
    internal WitnessAnswer Add(AddCheckpointRequest request, Checkpoint checkpoint)
    {
        lock (_lock)
        {
            var size = _checkpoint?.Size ?? 0;
            if (_isBroken)
            {
                return WitnessAnswer.Broken();
            }
            if (request.OldSize != size)
            {
                return WitnessAnswer.Conflict(size);
            }
            if (Inconsistency(request, checkpoint, size) is { } reason)
            {
                return WitnessAnswer.Inconsistent(reason);
            }
            return checkpoint.Size > size && TooOften() is { } wait ? WitnessAnswer.TooOften(wait) : Cosign(request, checkpoint);
        }
    }

    string? Inconsistency(AddCheckpointRequest request, Checkpoint checkpoint, ulong size)
    {
        if (checkpoint.Size == size || size == 0)
        {
            return request.Proof.Count > 0 ? "nothing is to be proved here, so the proof must be empty"
                : checkpoint.Size == size && checkpoint.Root != (_checkpoint?.Root ?? TreeHash.EmptyRoot)
                    ? $"another root was cosigned for size {size}"
                : null;
        }
        return
            MerkleProof.VerifyConsistency(size, checkpoint.Size, _checkpoint!.Root, checkpoint.Root, request.Proof)
                is Verification.Rejected rejected
            ? rejected.Detail
            : null;
    }

    WitnessAnswer Cosign(AddCheckpointRequest request, Checkpoint checkpoint)
    {
        // Time does not go backwards between two statements about one log.
        var now = Math.Max((ulong)Math.Max(_time.GetUtcNow().ToUnixTimeSeconds(), 0), _cosignedAt);
        var cosignature = _cosigner.Cosign(request.Checkpoint.Text.Span, now);
        if (_latest is null || checkpoint.Size != _checkpoint?.Size || now - _cosignedAt >= s_refresh.TotalSeconds)
        {
            var signatures = request.Checkpoint.Signatures.Where(Key.IsNamedBy).Distinct().Take(1).Append(cosignature);
            var note = SignedNote.Create(request.Checkpoint.Text.Span, [.. signatures]);
            try
            {
                DurableFile.Replace(_path, note.Bytes.Span, DurableFile.Private);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Which of the two the disk has is unknown until the file is read again.
                _isBroken = true;
                Failure = e.Message;
                return WitnessAnswer.Broken();
            }
            (_latest, _checkpoint, _cosignedAt) = (note, checkpoint, now);
        }
        return WitnessAnswer.Cosigned(cosignature);
    }

    /// <summary>Why nothing more of this log is cosigned until the witness is started again; null while all is well.</summary>
    public string? Failure { get; private set; }

    TimeSpan? TooOften()
    {
        _allowance = Math.Min(Burst, _allowance + PerSecond * _time.GetElapsedTime(_allowedAt).TotalSeconds);
        _allowedAt = _time.GetTimestamp();
        if (_allowance < 1)
        {
            return TimeSpan.FromSeconds((1 - _allowance) / PerSecond);
        }
        _allowance--;
        return null;
    }

    void Restore()
    {
        var bytes = new FileInfo(_path).Length <= SignedNote.MaxBytes ? File.ReadAllBytes(_path) : [];
        if (!SignedNote.TryParse(bytes, out var note, out var error) || !Checkpoint.TryParse(note.Text.Span, out var checkpoint, out error))
        {
            throw Damaged(error.Length > 0 ? error : "it is too long");
        }
        // Either signature tells that the bytes are what was written; one of the two keys may have been changed since.
        var own = NoteCheck.Of(note, [_cosigner.VerifierKey]);
        if (checkpoint.Origin != Origin || (!own.Result.IsVerified && !NoteCheck.Of(note, [Key]).Result.IsVerified))
        {
            throw Damaged("its signatures are neither the log's nor our own");
        }
        (_latest, _checkpoint) = (note, checkpoint);
        _cosignedAt = own.Signatures.Select(s => s.Time ?? 0).DefaultIfEmpty(0UL).Max();
    }

    MalformedException Damaged(string why) =>
        new(
            $"{_path} is not what this witness last cosigned of {Origin} ({why}); restore it, or this witness might contradict itself. Who removes it must change the witness's key"
        );
}
