using System.Collections.Immutable;
using Quorate.Crypto.Keys;

namespace Quorate.Nix.Realisations;

/// <summary>What Nix itself says of one output that was built, in either of its forms. Nothing of it is worth anything before a signature was checked.</summary>
public interface ISignedOutput
{
    StorePath OutPath { get; }

    /// <summary><c>NAME:BASE64</c> each, as received.</summary>
    ImmutableArray<string> Signatures { get; }

    /// <summary>True when one of the signatures carries the key's name and verifies under the key.</summary>
    bool IsSignedBy(NixCachePublicKey key);
}
