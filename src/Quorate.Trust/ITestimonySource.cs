using Quorate.Core;

namespace Quorate.Trust;

/// <summary>
/// Port to a builder's claims that no log holds: a signed binary cache. Implementations limit size and time themselves, verify
/// signatures, keep what they found, and answer every foreign fault with <see cref="Testimony.Unavailable"/> or
/// <see cref="Testimony.Malformed"/>; they throw only for cancellation.
/// </summary>
public interface ITestimonySource
{
    string Builder { get; }

    Protocol Protocol { get; }

    /// <summary>The configured name, for messages.</summary>
    string Name => Builder;

    Task<Testimony> AskAsync(BuildInput input, CancellationToken cancellationToken);
}
