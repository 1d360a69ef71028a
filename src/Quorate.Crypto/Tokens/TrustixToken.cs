using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Quorate.Core;
using Quorate.Core.Encodings;
using Quorate.Crypto.Keys;

namespace Quorate.Crypto.Tokens;

/// <summary>
/// The secret half of a Trustix write token, <c>name:base64</c> of seed ‖ public key. What it sends, <see cref="Header"/>, depends on
/// nothing but the procedure: it is a bearer string, to be protected like the token itself. Thread-safe until disposed.
/// </summary>
public sealed class TrustixToken(string name, Ed25519PrivateKey key) : IDisposable
{
    /// <summary>The HTTP header that carries <see cref="Header"/>.</summary>
    public const string HeaderName = "Trustix-Token";

    public string Name { get; } = name;

    public TrustixPublicToken PublicToken { get; } = new(name, key.PublicKey);

    /// <param name="readableByOthers">Whether the file's group or everybody may read it.</param>
    /// <exception cref="MalformedException"/>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static TrustixToken Read(string path, out bool readableByOthers) =>
        SecretFile.Read(path, text => Parse(text, $"the token {path}"), out readableByOthers);

    /// <exception cref="MalformedException"/>
    public static TrustixToken Parse(ReadOnlySpan<byte> text) => Parse(text, "the token");

    /// <exception cref="ArgumentException">The name is empty or would have to be escaped.</exception>
    public static TrustixToken Generate(string name) =>
        NamedKeyText.IsName(name)
            ? new TrustixToken(name, Ed25519PrivateKey.Generate())
            : throw new ArgumentException($"'{name}' cannot be the name of a token", nameof(name));

    /// <summary>The value of the header for a call of <paramref name="procedure"/>, such as <c>/trustix_rpc.v1.LogRPC/Submit</c>.</summary>
    public string Header(string procedure) =>
        $$"""{"name":"{{Name}}","sig":"{{StrictBase64.Encode(key.Sign(TrustixPublicToken.Message(Name, procedure)))}}"}""";

    /// <summary>Writes a new file of mode 0600.</summary>
    /// <exception cref="IOException">The file exists already; a token is never overwritten.</exception>
    public void Write(string path)
    {
        // Large enough never to grow, which would leave a copy behind.
        var writer = new ArrayBufferWriter<byte>(512);
        writer.Write(Encoding.ASCII.GetBytes($"{Name}:"));
        SeedAndPublic.Write(key, writer);
        writer.Write("\n"u8);
        try
        {
            SecretFile.Create(path, writer.WrittenSpan);
        }
        finally
        {
            writer.Clear();
        }
    }

    public void Dispose() => key.Dispose();

    static TrustixToken Parse(ReadOnlySpan<byte> text, string what)
    {
        var name = NamedKeyText.Split(text, what, out var base64);
        return new TrustixToken(name, SeedAndPublic.Parse(base64, what));
    }
}

/// <summary>The public half of a Trustix write token, <c>name:base64</c> of 32 bytes: what a node is configured with.</summary>
public sealed record TrustixPublicToken(string Name, Ed25519PublicKey Key)
{
    public static bool TryParse(string text, [NotNullWhen(true)] out TrustixPublicToken? token)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        token =
            colon > 0 && NamedKeyText.IsName(text.AsSpan(0, colon)) && Ed25519PublicKey.TryParse(text.AsSpan(colon + 1), out var key)
                ? new TrustixPublicToken(text[..colon], key)
                : null;
        return token is not null;
    }

    /// <summary>
    /// Checks a header for one call against the tokens that the node accepts. Nothing secret is compared: the decision is a signature
    /// check under public keys.
    /// </summary>
    /// <param name="token">The token that made the header; null when it is rejected.</param>
    public static Verification Check(
        string header,
        string procedure,
        IEnumerable<TrustixPublicToken> accepted,
        out TrustixPublicToken? token
    )
    {
        token = null;
        if (!TrustixTokenHeader.TryParse(header, out var parsed))
        {
            return Verification.Reject("malformed-token", $"the {TrustixToken.HeaderName} header is not a token");
        }
        var known = false;
        foreach (var candidate in accepted)
        {
            if (candidate.Name == parsed.Name)
            {
                known = true;
                if (candidate.Key.Verify(Message(parsed.Name, procedure), parsed.Signature.Span))
                {
                    token = candidate;
                    return Verification.Ok;
                }
            }
        }
        return known
            ? Verification.Reject("bad-token-signature", $"the token '{parsed.Name}' does not sign this call")
            : Verification.Reject("unknown-token", $"no token of the name '{parsed.Name}' is accepted here");
    }

    public override string ToString() => $"{Name}:{Key}";

    /// <summary>What a token signs: <c>name:procedure</c>.</summary>
    internal static byte[] Message(string name, string procedure) => Encoding.UTF8.GetBytes($"{name}:{procedure}");
}
