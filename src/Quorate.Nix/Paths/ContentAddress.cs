using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Quorate.Core.Encodings;

namespace Quorate.Nix;

/// <summary>
/// What a content-addressed object says of its content: the field <c>CA</c> of narinfo files
/// (<c>text:sha256:…</c>, <c>fixed:ALGO:…</c>, <c>fixed:r:ALGO:…</c>, <c>fixed:git:ALGO:…</c>, each with the hash in Nix's base 32) and its
/// JSON form. With the references and the name it determines the path: <see cref="ContentAddressing.PathOf"/>. Immutable.
/// </summary>
public sealed class ContentAddress : IEquatable<ContentAddress>
{
    /// <summary>Longest text that is looked at.</summary>
    public const int MaxLength = 128;

    readonly byte[] _hash;

    /// <exception cref="ArgumentException">There is no such algorithm, it has another length, or the method does not go with it.</exception>
    public ContentAddress(ContentMethod method, string algorithm, ReadOnlySpan<byte> hash)
    {
        if (hash.IsEmpty || hash.Length != ContentAlgorithm.SizeOf(algorithm) || !Allows(method, algorithm))
        {
            throw new ArgumentException($"a hash of {hash.Length} bytes under {algorithm} is no content address of method {method}");
        }
        Method = method;
        Algorithm = algorithm;
        _hash = hash.ToArray();
    }

    public ContentMethod Method { get; }

    /// <summary><c>sha256</c> and the like.</summary>
    public string Algorithm { get; }

    public ReadOnlySpan<byte> Hash => _hash;

    /// <summary>Nix addresses texts by SHA-256 only, and Git has no other algorithms than its own two.</summary>
    public static bool Allows(ContentMethod method, string algorithm) =>
        method switch
        {
            ContentMethod.Text => algorithm == "sha256",
            ContentMethod.Git => algorithm is "sha1" or "sha256",
            _ => ContentAlgorithm.SizeOf(algorithm) > 0,
        };

    /// <summary>False unless the text is exactly how Nix prints a content address.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, [NotNullWhen(true)] out ContentAddress? address)
    {
        address = null;
        if (text.Length > MaxLength)
        {
            return false;
        }
        if (Skip(ref text, "text:"))
        {
            return TryHash(ContentMethod.Text, text, out address);
        }
        if (!Skip(ref text, "fixed:"))
        {
            return false;
        }
        var method =
            Skip(ref text, "r:") ? ContentMethod.Nar
            : Skip(ref text, "git:") ? ContentMethod.Git
            : ContentMethod.Flat;
        return TryHash(method, text, out address);
    }

    /// <summary>
    /// Reads <c>{"method":"nar","hash":"sha256-…"}</c> as Nix from 2.33 on prints it: both members once, in any order, and no other.
    /// </summary>
    public static bool TryParseJson(ReadOnlySpan<byte> json, [NotNullWhen(true)] out ContentAddress? address)
    {
        address = null;
        if (json.Length > 4 * MaxLength)
        {
            return false;
        }
        try
        {
            string? method = null;
            string? hash = null;
            var reader = new Utf8JsonReader(json);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return false;
            }
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isMethod = reader.ValueTextEquals("method"u8);
                if (
                    (
                        isMethod ? method
                        : reader.ValueTextEquals("hash"u8) ? hash
                        : ""
                    )
                    is not null
                )
                {
                    return false;
                }
                if (!reader.Read() || reader.TokenType != JsonTokenType.String)
                {
                    return false;
                }
                (isMethod ? ref method : ref hash) = reader.GetString();
            }
            return reader.TokenType == JsonTokenType.EndObject
                && !reader.Read()
                && ContentMethods.TryParse(method, out var parsed)
                && TryIntegrity(parsed, hash, out address);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a string that is not Unicode.
            return false;
        }
    }

    /// <summary>Writes the JSON form.</summary>
    public void WriteJson(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("method", ContentMethods.Name(Method));
        json.WriteString("hash", $"{Algorithm}-{StrictBase64.Encode(_hash)}");
        json.WriteEndObject();
    }

    public bool Equals(ContentAddress? other) =>
        other is not null && Method == other.Method && Algorithm == other.Algorithm && Hash.SequenceEqual(other.Hash);

    public override bool Equals(object? obj) => Equals(obj as ContentAddress);

    public override int GetHashCode() => HashCode.Combine(Method, Algorithm, BitConverter.ToInt32(_hash));

    /// <summary>The field <c>CA</c>.</summary>
    public override string ToString() =>
        $"{(Method == ContentMethod.Text ? "" : "fixed:")}{ContentMethods.Prefix(Method)}{Algorithm}:{Nix32.Encode(_hash)}";

    static bool TryHash(ContentMethod method, ReadOnlySpan<char> text, [NotNullWhen(true)] out ContentAddress? address)
    {
        address = null;
        var colon = text.IndexOf(':');
        if (colon < 0)
        {
            return false;
        }
        var algorithm = text[..colon].ToString();
        Span<byte> buffer = stackalloc byte[ContentAlgorithm.MaxSize];
        var hash = buffer[..ContentAlgorithm.SizeOf(algorithm)];
        if (hash.IsEmpty || !Allows(method, algorithm) || !Nix32.TryDecode(text[(colon + 1)..], hash))
        {
            return false;
        }
        address = new ContentAddress(method, algorithm, hash);
        return true;
    }

    static bool TryIntegrity(ContentMethod method, string? text, [NotNullWhen(true)] out ContentAddress? address)
    {
        address = null;
        var dash = text?.IndexOf('-', StringComparison.Ordinal) ?? -1;
        if (dash < 0)
        {
            return false;
        }
        var algorithm = text![..dash];
        if (
            !Allows(method, algorithm)
            || !StrictBase64.TryDecode(text.AsSpan(dash + 1), ContentAlgorithm.MaxSize, out var hash)
            || hash.Length != ContentAlgorithm.SizeOf(algorithm)
        )
        {
            return false;
        }
        address = new ContentAddress(method, algorithm, hash);
        return true;
    }

    static bool Skip(ref ReadOnlySpan<char> text, string prefix)
    {
        var found = text.StartsWith(prefix, StringComparison.Ordinal);
        text = found ? text[prefix.Length..] : text;
        return found;
    }
}
