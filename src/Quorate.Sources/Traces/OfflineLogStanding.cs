using Quorate.Crypto.Notes;
using Quorate.Log;
using Quorate.Log.Checking;
using Quorate.Log.Witnessing;
using Quorate.Nix.Verification;

namespace Quorate.Sources.Traces;

/// <summary>
/// What the folder of a log tells of when its entries were there: the times at which the node that mirrors the log first verified its heads, and the cosigned
/// checkpoints that are kept beside it. A log's own node says nothing here: the times in its folder are the builder's word. Immutable.
/// </summary>
sealed class OfflineLogStanding
{
    /// <summary>In a state directory, mirrors are below this, and what witnesses say of them beside it.</summary>
    const string Mirrors = "mirrors";

    /// <summary>By how much a witness's clock may be ahead of ours and still say what is fresh. A file has no first sight by which a wrong one could be held.</summary>
    static readonly TimeSpan s_ahead = TimeSpan.FromMinutes(5);

    readonly OfflineLog _log;
    readonly WitnessQuorum? _quorum;
    readonly DateTimeOffset _now;
    readonly bool _isMirror;

    // The trees of this log that a witness cosigned.
    readonly List<(NoteVerifierKey Witness, ulong Size, DateTimeOffset At, bool IsAhead)> _witnessed = [];

    OfflineLogStanding(OfflineLog log, WitnessQuorum? quorum, bool isMirror, DateTimeOffset now) =>
        (_log, _quorum, _isMirror, _now) = (log, quorum, isMirror, now);

    /// <param name="folder">The log's.</param>
    /// <param name="quorum">Whose cosignatures count; null counts nobody's.</param>
    /// <exception cref="IOException">A file that may hold a cosigned checkpoint cannot be read.</exception>
    public static OfflineLogStanding Read(OfflineLog log, string folder, WitnessQuorum? quorum, DateTimeOffset now)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        var parent = Path.GetDirectoryName(full);
        var standing = new OfflineLogStanding(log, quorum, Path.GetFileName(parent) == Mirrors, now);
        if (quorum is not null)
        {
            standing.Take(CheckpointNotes.Read(Path.Combine(full, CheckpointNotes.OwnFile)));
            if (Path.GetDirectoryName(parent) is { } state)
            {
                standing.Take(CheckpointNotes.ReadList(Path.Combine(state, CheckpointNotes.ListFolder, log.Identity.Id.Text)));
            }
        }
        return standing;
    }

    /// <summary>Of an entry below the newest head.</summary>
    public LogStanding Of(ulong index)
    {
        var covering = _witnessed
            .Where(tree => tree.Size > index)
            .GroupBy(tree => tree.Witness)
            .Select(trees => trees.Min(tree => tree.At))
            .ToList();
        DateTimeOffset?[] firstSeen = [_isMirror ? Earlier(_log.FirstSeen(index)) : null, _quorum?.Since(covering)];
        return new LogStanding(_log.Identity.Id.ToString(), index, firstSeen.Min(), covering.Count, FreshAt()) { Unknown = Unknown() };
    }

    /// <summary>By the witnesses alone where the model names any; else when the mirror last got a head that was new to it.</summary>
    DateTimeOffset? FreshAt() =>
        _quorum is not null
            ? _quorum.Until(
                _witnessed.Where(tree => !tree.IsAhead).GroupBy(tree => tree.Witness).Select(trees => trees.Max(tree => tree.At))
            )
        : _isMirror && _log.Head is { TreeSize: > 0 } head ? Earlier(_log.FirstSeen(head.TreeSize - 1))
        : null;

    string? Unknown()
    {
        var seen = _witnessed.Select(tree => tree.Witness).Distinct().Count();
        var witnesses =
            _quorum is null ? "the trust model names no witnesses of it"
            : seen < _quorum.Required ? $"{seen} of its witnesses cosigned what is kept of it, and {_quorum.Required} are needed"
            : null;
        return (_isMirror, witnesses) switch
        {
            (_, null) => null,
            (true, _) => witnesses,
            _ => $"the folder is not a mirror's, so its times are the log's own word, and {witnesses}",
        };
    }

    void Take(IEnumerable<SignedNote> notes)
    {
        foreach (var note in notes)
        {
            if (
                SignedTree.OfCheckpoint.From(note, _log.Identity.Key) is not { } tree
                || tree.TreeSize > (_log.Head?.TreeSize ?? 0)
                || _log.LogRootAt(tree.TreeSize) != tree.LogRoot
            )
            {
                continue;
            }
            // The log's own key counts for nothing here, whatever it is called.
            foreach (var signature in NoteCheck.Of(note, _quorum!.Witnesses).Signatures)
            {
                if (signature.Time is > 0 and var time && !signature.Key.Key!.Equals(_log.Identity.Key))
                {
                    var isAhead = time > (ulong)Math.Max((_now + s_ahead).ToUnixTimeSeconds(), 0);
                    _witnessed.Add((signature.Key, tree.TreeSize, CosignatureTime.Of(time, _now), isAhead));
                }
            }
        }
    }

    /// <summary>A clock that was fast vouches for nothing later than now.</summary>
    DateTimeOffset Earlier(DateTimeOffset time) => time < _now ? time : _now;
}
