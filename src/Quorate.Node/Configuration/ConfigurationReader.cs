using System.Text;
using Quorate.Crypto;
using Quorate.Node.Configuration.Binding;
using Quorate.Node.Decisions;
using Quorate.Sources.Configuration;

namespace Quorate.Node.Configuration;

/// <summary>
/// Turns the text of a configuration file into a <see cref="NodeConfiguration"/>, or into everything that is wrong with it. Unknown keys,
/// duplicates and references to things that are not there are errors: a setting that silently does nothing is worse than a refusal.
/// </summary>
public static class ConfigurationReader
{
    /// <summary>Reads a file and the public halves of the signers that it names.</summary>
    /// <exception cref="ConfigurationException">Anything is wrong with it.</exception>
    public static NodeConfiguration ReadFile(string path, Func<SignerSection, Ed25519PublicKey>? keyOfSigner = null)
    {
        string text;
        try
        {
            var full = Path.GetFullPath(path);
            if (new FileInfo(full) is { Exists: true, Length: > YamlReader.MaxCharacters * 4L })
            {
                throw new IOException("the file is too large for a configuration");
            }
            text = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(File.ReadAllBytes(full));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new ConfigurationException([
                new ConfigurationError(path, 0, 0, "", e is DecoderFallbackException ? "not UTF-8 text" : e.Message),
            ]);
        }
        return Read(text, path, keyOfSigner);
    }

    /// <param name="text">The document.</param>
    /// <param name="file">Its path, for messages and as the base of relative paths.</param>
    /// <param name="keyOfSigner">Reads the public half of a signer's key file; without it keys are not compared with key files.</param>
    /// <exception cref="ConfigurationException">Anything is wrong with it.</exception>
    public static NodeConfiguration Read(string text, string file, Func<SignerSection, Ed25519PublicKey>? keyOfSigner = null)
    {
        var errors = new ErrorList(file);
        var root = YamlReader.Read(text, errors);
        if (root is null or YamlScalar { IsNull: true })
        {
            if (errors.IsEmpty)
            {
                errors.Add(new Place(1, 1), "", "the file is empty; 'node:' with a 'state' directory is the least it needs");
            }
            throw errors.ToException();
        }
        var fullPath = Path.GetFullPath(file);
        var context = new BindingContext(errors, Path.GetDirectoryName(fullPath) ?? "/", keyOfSigner);
        var configuration = Section.From(root, errors) is { } section ? Bind(section, context, fullPath) : null;
        if (!errors.IsEmpty || configuration is null)
        {
            throw errors.ToException();
        }
        // Rules name builders and logs, so they are compiled last, and only against a configuration that is right otherwise.
        return TrustModels.Check(configuration, file) is { Count: > 0 } trustErrors
            ? throw new ConfigurationException(trustErrors)
            : configuration;
    }

    static NodeConfiguration? Bind(Section root, BindingContext context, string file)
    {
        var node =
            root.Require("node") is { } n && Section.From(n, context.Errors) is { } nodeSection
                ? NodeBinding.Bind(nodeSection, context)
                : null;
        if (root.Child("signers") is { } signers)
        {
            LogBinding.Signers(signers, context);
        }
        if (root.Child("witnesses") is { } witnesses)
        {
            WitnessBinding.Witnesses(witnesses, context);
        }
        if (root.Child("builders") is { } builders)
        {
            BuilderBinding.Builders(builders, context);
        }
        foreach (var item in root.List("publish"))
        {
            LogBinding.Publish(item, context);
        }
        foreach (var item in root.List("follow"))
        {
            LogBinding.Follow(item, context);
        }
        var traces = root.Child("traces") is { } tr ? BuilderBinding.Traces(tr, context) : new TracesSection();
        var trust = root.Child("trust") is { } t ? TrustBinding.Trust(t, context) : [];
        var gate = root.Child("gate") is { } g ? TrustBinding.Gate(g, context, trust, node) : null;
        var witness = root.Child("witness") is { } w ? WitnessBinding.Role(w, context, gate) : null;
        root.Finish();
        if (witness is not null && node is { Listen.Count: 0 })
        {
            context.Errors.Add(root.Find("witness")!, "a witness answers on the public listener; give 'node.listen' an address");
        }
        CrossChecks.Run(context, node);
        ClaimKeyChecks.Run(context, witness);
        return node is null
            ? null
            : new NodeConfiguration
            {
                Node = node,
                Signers = context.Signers,
                // Whoever computes log IDs from a configuration needs the keys, stated or not.
                Publish =
                [
                    .. context.Publish.Select(p =>
                        p.Value with
                        {
                            Key = p.Value.Key ?? context.SignerKeys.GetValueOrDefault(p.Value.Signer.Name),
                            ClaimKeys = context.ClaimKeysOf(p.Value.Builder),
                        }
                    ),
                ],
                Follow = [.. context.Follow.Select(f => f.Value with { ClaimKeys = context.ClaimKeysOf(f.Value.Builder) })],
                Builders = context.Builders.ToDictionary(p => p.Key, p => p.Value.Value, StringComparer.Ordinal),
                Traces = traces,
                Trust = trust,
                NixGate = gate,
                Witnesses = context.Witnesses.ToDictionary(p => p.Key, p => p.Value.Value, StringComparer.Ordinal),
                Witness = witness,
                SourceFile = file,
            };
    }
}
