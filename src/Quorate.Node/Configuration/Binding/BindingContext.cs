using Quorate.Core;
using Quorate.Crypto;
using Quorate.Sources.Configuration;

namespace Quorate.Node.Configuration.Binding;

/// <summary>What the parts of the file need while they are bound, and what they leave for the cross-checks.</summary>
/// <param name="Folder">Absolute; relative paths of the file start here.</param>
/// <param name="KeyOfSigner">Reads the public half of a signer's key file; null when key files are not to be opened.</param>
sealed record BindingContext(ErrorList Errors, string Folder, Func<SignerSection, Ed25519PublicKey>? KeyOfSigner)
{
    public Dictionary<string, SignerSection> Signers { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, Placed<WitnessSection>> Witnesses { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, Placed<BuilderSection>> Builders { get; } = new(StringComparer.Ordinal);

    public List<Placed<PublishSection>> Publish { get; } = [];

    public List<Placed<FollowSection>> Follow { get; } = [];

    /// <summary>Public halves of the signers whose key file could be read.</summary>
    public Dictionary<string, Ed25519PublicKey> SignerKeys { get; } = new(StringComparer.Ordinal);

    /// <summary><c>node.storage</c>, for published logs that say nothing else.</summary>
    public StorageSection? Storage { get; set; }

    /// <summary>Where <c>node.tokens</c> stands.</summary>
    public Place? TokensPlace { get; set; }

    public string FullPath(string path) => Path.GetFullPath(path, Folder);

    public Protocol? ProtocolOf(YamlScalar? scalar)
    {
        if (scalar is null || Protocol.TryFind(scalar.Text, out var protocol))
        {
            return scalar is null ? null : Protocol.Known.First(p => p.Id == scalar.Text || p.Name == scalar.Text);
        }
        var names = Protocol.Known.Select(p => p.Name).ToList();
        Errors.Add(
            scalar,
            $"unknown protocol '{Section.Shown(scalar.Text)}'{Nearest.Hint(scalar.Text, names)}; known: {string.Join(", ", names)}, or the UUID of one of them"
        );
        return null;
    }

    public IReadOnlyList<ClaimKeySection> ClaimKeysOf(string builder) =>
        Builders.TryGetValue(builder, out var section) ? section.Value.ClaimKeys : [];

    /// <summary>Builders who can say something about a protocol, in the order of the file.</summary>
    public IReadOnlyList<string> BuildersOf(Protocol protocol) =>
        [
            .. Publish
                .Where(p => p.Value.Protocol == protocol)
                .Select(p => p.Value.Builder)
                .Concat(Follow.Where(f => f.Value.Protocol == protocol).Select(f => f.Value.Builder))
                .Distinct(StringComparer.Ordinal),
        ];
}

/// <summary>A bound section and the mapping that it came from.</summary>
sealed record Placed<T>(T Value, YamlMap Map)
{
    /// <summary>The place of one key's value, or of the whole section when the key is absent.</summary>
    public YamlNode At(string key) => Map.Entries.FirstOrDefault(e => e.Key.Text == key)?.Value ?? Map;
}
