namespace Quorate.Trust;

public enum Verdict
{
    /// <summary>No candidate could be accepted even if every silent or unavailable builder joined it.</summary>
    Rejected,

    /// <summary>Not accepted, and further evidence could still change that.</summary>
    Inconclusive,

    Accepted,
}

/// <summary>The answer to: may this input's output be used?</summary>
/// <param name="Accepted">The claim decided on (its outputs, raw bytes and digest are those of the group's first supporter in rule order); null unless accepted.</param>
/// <param name="Supporters">Builders whose claim means the same as the accepted one, in rule order.</param>
/// <param name="Confidence">Trustix's engine-specific confidence; supporters × 100 / configured builders for native rules.</param>
/// <param name="Testimonies">Everything that was heard, one per configured builder, in rule order.</param>
/// <param name="Reasons">Sentences for people: which rule, what is missing, who dissents.</param>
/// <param name="Engine">The rule or engine that decided, as text.</param>
public sealed record Decision(
    Verdict Verdict,
    Evidence? Accepted,
    IReadOnlyList<string> Supporters,
    int Confidence,
    IReadOnlyList<Testimony> Testimonies,
    IReadOnlyList<string> Reasons,
    string Engine
);

/// <summary>Decides one input under the consumer's trust model. Implementations are thread-safe and never throw for foreign faults.</summary>
public interface IDecisionService
{
    /// <exception cref="NoTrustModelException">No rule or engine is configured for the input's protocol.</exception>
    Task<Decision> DecideAsync(BuildInput input, CancellationToken cancellationToken);
}

/// <summary>No rule or engine is configured for a protocol.</summary>
public sealed class NoTrustModelException(string protocol)
    : InvalidOperationException($"no trust model is configured for protocol '{protocol}'");

/// <summary>Turns the bytes under a protocol's key into an output map, strictly. The port by which ecosystems plug in.</summary>
public interface IClaimFormat
{
    /// <summary>False with a sentence in <paramref name="error"/> when the value is not canonical or contradicts its key.</summary>
    bool TryParse(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, out OutputMap? outputs, out string error);

    /// <summary>
    /// All keys under which a log may hold claims about the input that <paramref name="key"/> names, the key itself first. Ecosystems whose
    /// older logs spell keys differently add those spellings; values found under any of them are parsed with <paramref name="key"/>.
    /// </summary>
    IReadOnlyList<ReadOnlyMemory<byte>> KeyForms(ReadOnlyMemory<byte> key) => [key];
}
