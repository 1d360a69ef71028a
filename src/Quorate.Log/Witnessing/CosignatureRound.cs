using Quorate.Crypto.Notes;
using Quorate.Log.Tiles;

namespace Quorate.Log.Witnessing;

/// <summary>What one round of asking witnesses came to.</summary>
/// <param name="Cosignatures">Verified, at most one for each public key.</param>
/// <param name="Faults">What witnesses did wrong, or why they refused; a sentence each, with the witness's name.</param>
/// <param name="Incident">A witness remembers more of the log, or another one, than we have.</param>
public sealed record CosignatureRound(
    IReadOnlyList<VerifiedNoteSignature> Cosignatures,
    IReadOnlyList<string> Faults,
    WitnessIncident? Incident
);

/// <summary>
/// A witness remembers of our own log what we do not have: the log was restored from an old backup, or somebody else signs with its key. Whoever goes on
/// signing forks it.
/// </summary>
/// <param name="Proof">The checkpoint that our own key signed and that our log contradicts or lacks; null when the witness only says so.</param>
public sealed record WitnessIncident(string Witness, ulong Size, SignedNote? Proof)
{
    /// <summary>One sentence, with what to do.</summary>
    public string Detail(string origin, ulong ownSize) =>
        Proof is null
            ? $"witness {Witness} says that it cosigned {origin} with {Size} entries; this log has {ownSize}. If it was restored from an old backup, restore a newer one; if the witness is wrong, take it out of the configuration"
            : $"witness {Witness} shows a checkpoint of {origin} with {Size} entries that is signed by this log's own key, and this log of {ownSize} entries is not that log: it was restored from an old backup, or its key is used elsewhere. Restore the newest state, or start a log with a new key";
}

/// <summary>
/// Asks witnesses in parallel to cosign a checkpoint of a log of ours, proving to each from where it stands. One round at a time.
/// </summary>
/// <param name="log">Proves consistency up to the checkpoints that are given.</param>
/// <param name="catchUp">Returns when the log has everything that was signed, by whichever node.</param>
/// <param name="key">The log's own, by which its origin is named. Its cosignature never counts, whatever witness shows it.</param>
public sealed class CosignatureCollector(
    ICheckpointedLog log,
    NoteVerifierKey key,
    IReadOnlyList<IWitness> witnesses,
    Func<CancellationToken, ValueTask> catchUp
)
{
    /// <summary>A witness that names another size again and again is not worth more.</summary>
    const int MaxAttempts = 4;

    /// <summary>What each witness cosigned last, as far as we know.</summary>
    readonly ulong[] _sizes = new ulong[witnesses.Count];

    /// <summary>Asks all witnesses, until <paramref name="isEnough"/> holds and a while more, or until the deadline.</summary>
    /// <param name="isEnough">Called with the witnesses' answers so far.</param>
    /// <param name="grace">How long others are waited for once there is enough.</param>
    /// <param name="deadline">Ends the round with what there is.</param>
    public async Task<CosignatureRound> CollectAsync(
        PublishedCheckpoint checkpoint,
        Func<IReadOnlyList<VerifiedNoteSignature>, bool> isEnough,
        Func<CancellationToken, Task> grace,
        CancellationToken deadline,
        CancellationToken cancellationToken
    )
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(deadline, cancellationToken);
        var waiting = new List<Task<Answer>>(witnesses.Count);
        for (var i = 0; i < witnesses.Count; i++)
        {
            waiting.Add(AskAsync(i, checkpoint, stop.Token));
        }
        var (cosignatures, faults) = (new List<VerifiedNoteSignature>(), new List<string>());
        WitnessIncident? incident = null;
        Task? end = null;
        while (waiting.Count > 0)
        {
            var next = end is null ? await Task.WhenAny(waiting) : await Task.WhenAny(waiting.Append(end));
            if (next is not Task<Answer> answered)
            {
                break;
            }
            waiting.Remove(answered);
            var answer = await answered;
            if (answer.Cosignature is { } cosignature && !cosignatures.Exists(c => c.Key.IsSameKey(cosignature.Key)))
            {
                cosignatures.Add(cosignature);
            }
            if (answer.Fault is { } fault)
            {
                faults.Add(fault);
            }
            // One with proof outweighs any number of claims.
            incident = answer.Incident is { Proof: not null } proven ? proven : incident ?? answer.Incident;
            if (end is null && isEnough(cosignatures))
            {
                end = grace(stop.Token);
            }
        }
        await stop.CancelAsync();
        foreach (var late in await Task.WhenAll(waiting))
        {
            incident ??= late.Incident;
        }
        cancellationToken.ThrowIfCancellationRequested();
        return new CosignatureRound(cosignatures, faults, incident);
    }

    async Task<Answer> AskAsync(int index, PublishedCheckpoint checkpoint, CancellationToken cancellationToken)
    {
        var witness = witnesses[index];
        try
        {
            for (var attempt = 0; attempt < MaxAttempts; attempt++)
            {
                var old = Math.Min(_sizes[index], checkpoint.Checkpoint.Size);
                var proof = log.ConsistencyProof(old, checkpoint.Checkpoint.Size);
                var reply = await witness.AddAsync(new AddCheckpointRequest(old, proof, checkpoint.Note), cancellationToken);
                switch (reply)
                {
                    case WitnessReply.Cosigned cosigned when Verified(witness, checkpoint, cosigned) is { } signature:
                        _sizes[index] = checkpoint.Checkpoint.Size;
                        return new Answer(signature, null, null);
                    case WitnessReply.Cosigned:
                        return Fault(witness, "what it sent as its cosignature is not by its key");
                    case WitnessReply.Conflict { Size: var size } when size > checkpoint.Checkpoint.Size:
                        return await AheadAsync(witness, checkpoint.Checkpoint, size, cancellationToken);
                    case WitnessReply.Conflict { Size: var size } when size == old:
                        return Fault(witness, $"it says that it has {size} entries, and that this conflicts with {size}");
                    case WitnessReply.Conflict conflict:
                        _sizes[index] = conflict.Size;
                        break;
                    case WitnessReply.Refused { Status: 422 } refused:
                        // It has another history than ours, or it is wrong.
                        var incident = await AheadAsync(witness, checkpoint.Checkpoint, null, cancellationToken);
                        return incident.Incident is null ? Fault(witness, $"422: {refused.Reason}") : incident;
                    case WitnessReply.Refused refused:
                        return Fault(witness, $"{refused.Status}: {refused.Reason}");
                }
            }
            return Fault(witness, "it names another size each time");
        }
        catch (WitnessException e)
        {
            return Fault(witness, e.Message);
        }
        catch (OperationCanceledException)
        {
            // The round is over; who called it off looks at that himself.
            return Fault(witness, "no answer in time");
        }
    }

    /// <summary>Whether what the witness remembers was really signed by us, and is none of ours.</summary>
    /// <param name="claimed">The size that it says it has; null when it only refused.</param>
    async Task<Answer> AheadAsync(IWitness witness, Checkpoint ours, ulong? claimed, CancellationToken cancellationToken)
    {
        string? fault = null;
        try
        {
            if (
                await witness.LatestAsync(ours.Origin, cancellationToken) is { } note
                && NoteCheck.Of(note, [key]).Result.IsVerified
                && Checkpoint.TryParse(note.Text.Span, out var theirs, out _)
                && theirs.Origin == ours.Origin
            )
            {
                // Unless that is known, this is a bare word: another node may have signed it a moment ago.
                var proof = await IsCaughtUpAsync(theirs.Size, ours, cancellationToken) ? note : null;
                return theirs.Size > log.Head!.TreeSize
                        ? new Answer(
                            null,
                            $"{witness.Name}: it has {theirs.Size} entries of another history",
                            new(witness.Name, theirs.Size, proof)
                        )
                    : log.LogRootAt(theirs.Size) != theirs.Root
                        ? new Answer(
                            null,
                            $"{witness.Name}: it has {theirs.Size} entries of another history",
                            new(witness.Name, theirs.Size, note)
                        )
                    : theirs.Size > ours.Size ? Answer.None
                    : Fault(witness, $"it refuses {ours.Size} entries, and shows {theirs.Size} that we have");
            }
        }
        catch (WitnessException e)
        {
            fault = e.Message;
        }
        if (claimed is not { } size)
        {
            return Fault(witness, fault ?? "it shows no checkpoint of ours");
        }
        return await IsCaughtUpAsync(size, ours, cancellationToken) && size <= log.Head!.TreeSize
            ? Answer.None
            : new Answer(
                null,
                $"{witness.Name}: it says that it has {size} entries, and does not show them",
                new(witness.Name, size, null)
            );
    }

    /// <summary>Of a log that several nodes share, another one may have signed more than this one asked about.</summary>
    async Task<bool> IsCaughtUpAsync(ulong size, Checkpoint ours, CancellationToken cancellationToken)
    {
        if (size <= ours.Size)
        {
            return true;
        }
        try
        {
            await catchUp(cancellationToken);
            return true;
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            return false;
        }
    }

    static Answer Fault(IWitness witness, string what) => new(null, $"{witness.Name}: {what}", null);

    VerifiedNoteSignature? Verified(IWitness witness, PublishedCheckpoint checkpoint, WitnessReply.Cosigned cosigned)
    {
        if (witness.Key.IsSameKey(key))
        {
            return null;
        }
        foreach (var line in cosigned.Lines)
        {
            if (witness.Key.IsNamedBy(line) && witness.Key.Verify(checkpoint.Note.Text.Span, line, out var time) && time > 0)
            {
                return new VerifiedNoteSignature(witness.Key, line, time);
            }
        }
        return null;
    }

    sealed record Answer(VerifiedNoteSignature? Cosignature, string? Fault, WitnessIncident? Incident)
    {
        /// <summary>Nothing to complain of: the next round will do.</summary>
        internal static Answer None { get; } = new(null, null, null);
    }
}
