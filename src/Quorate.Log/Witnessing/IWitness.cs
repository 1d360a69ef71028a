using Quorate.Crypto.Notes;

namespace Quorate.Log.Witnessing;

/// <summary>Port to one witness. Implementations limit size and time; nothing that they return has been checked.</summary>
public interface IWitness
{
    /// <summary>The configured name, for messages.</summary>
    string Name { get; }

    /// <summary>What its cosignatures are checked with.</summary>
    NoteVerifierKey Key { get; }

    /// <summary>Asks for a cosignature.</summary>
    /// <exception cref="WitnessException">No answer that the protocol knows.</exception>
    Task<WitnessReply> AddAsync(AddCheckpointRequest request, CancellationToken cancellationToken);

    /// <summary>What it shows monitors as the newest checkpoint of a log; null when it shows none.</summary>
    /// <exception cref="WitnessException">No answer that the protocol knows.</exception>
    Task<SignedNote?> LatestAsync(string origin, CancellationToken cancellationToken);
}

/// <summary>What a witness said to a checkpoint.</summary>
public abstract record WitnessReply
{
    WitnessReply() { }

    /// <summary>Signature lines, unchecked.</summary>
    public sealed record Cosigned(IReadOnlyList<NoteSignature> Lines) : WitnessReply;

    /// <summary>It has another size than the request's old one.</summary>
    public sealed record Conflict(ulong Size) : WitnessReply;

    /// <summary>It refuses: the status of HTTP, and its words.</summary>
    public sealed record Refused(int Status, string Reason) : WitnessReply;
}

/// <summary>A witness failed: unreachable, slow, or speaking garbage. The message does not name it.</summary>
public sealed class WitnessException : IOException
{
    public WitnessException(string message)
        : base(message) { }

    public WitnessException(string message, Exception inner)
        : base(message, inner) { }
}
