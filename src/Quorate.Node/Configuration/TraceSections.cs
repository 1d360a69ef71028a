using Quorate.Crypto;

namespace Quorate.Node.Configuration;

/// <summary><c>builders.NAME</c>: what a builder answers for besides its logs.</summary>
/// <param name="ClaimKeys">The keys that sign its claims of native protocols; a logged claim counts only if one of them signed it.</param>
public sealed record BuilderSection(string Name, IReadOnlyList<ClaimKeySection> ClaimKeys);

/// <param name="Name">As in the key file; for people.</param>
public sealed record ClaimKeySection(string Name, Ed25519PublicKey Key);

/// <summary><c>traces:</c> what the trace store answers with besides the claims of published logs.</summary>
/// <param name="Mirrors">Names of followed logs.</param>
public sealed record TracesSection(IReadOnlyList<string> Mirrors)
{
    public TracesSection()
        : this([]) { }
}
