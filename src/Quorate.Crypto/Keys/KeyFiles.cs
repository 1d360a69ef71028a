using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using Quorate.Core;
using Quorate.Core.Files;

namespace Quorate.Crypto.Keys;

/// <summary>How a private key file is written. Reading recognises both.</summary>
public enum PrivateKeyForm
{
    /// <summary>Base64 of seed ‖ public key, as Trustix writes it.</summary>
    Trustix,

    /// <summary>Unencrypted PKCS#8 PEM (RFC 8410), as <c>openssl genpkey -algorithm ed25519</c> writes it.</summary>
    Pkcs8,
}

/// <summary>A private key read from a file. Dispose of the key.</summary>
/// <param name="ReadableByOthers">Whether the file's group or everybody may read it: a reason for the host to warn.</param>
public sealed record PrivateKeyFile(Ed25519PrivateKey Key, bool ReadableByOthers);

/// <summary>
/// Ed25519 key files. Trustix: base64 of 64 (private) or 32 (public) bytes, in which CR and LF count for nothing; or PKCS#8 PEM. No message
/// of an exception quotes a key.
/// </summary>
public static class KeyFiles
{
    const int MaxPublicLength = 4 * 1024;

    /// <exception cref="MalformedException">The file is neither form, or its halves contradict each other.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static PrivateKeyFile ReadPrivate(string path)
    {
        var key = SecretFile.Read(path, text => ParsePrivate(text, $"the private key file {path}"), out var readableByOthers);
        return new PrivateKeyFile(key, readableByOthers);
    }

    /// <summary>Parses the content of a private key file, in either form.</summary>
    /// <exception cref="MalformedException"/>
    public static Ed25519PrivateKey ParsePrivate(ReadOnlySpan<byte> text) => ParsePrivate(text, "the private key");

    /// <exception cref="MalformedException">Not base64 of 32 bytes.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static Ed25519PublicKey ReadPublic(string path)
    {
        using var stream = new FileStream(path, new FileStreamOptions { Access = FileAccess.Read, BufferSize = 0 });
        var buffer = new byte[MaxPublicLength];
        var length = stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        return TryParsePublic(buffer.AsSpan(0, length), out var key)
            ? key
            : throw new MalformedException($"the public key file {path} is not the base64 of 32 bytes");
    }

    /// <summary>Parses the content of a public key file.</summary>
    public static bool TryParsePublic(
        ReadOnlySpan<byte> text,
        [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Ed25519PublicKey? key
    )
    {
        key = null;
        Span<byte> line = stackalloc byte[MaxPublicLength];
        return text.Length <= line.Length
            && Ed25519PublicKey.TryParse(Encoding.Latin1.GetString(line[..WithoutLineBreaks(text, line)]), out key);
    }

    /// <summary>Writes a new private key file of mode 0600.</summary>
    /// <exception cref="IOException">The file exists already; a key is never overwritten.</exception>
    public static void WritePrivate(string path, Ed25519PrivateKey key, PrivateKeyForm form = PrivateKeyForm.Trustix)
    {
        var text = FormatPrivate(key, form);
        try
        {
            SecretFile.Create(path, text);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(text);
        }
    }

    /// <summary>Writes, or replaces, a public key file.</summary>
    public static void WritePublic(string path, Ed25519PublicKey key) => DurableFile.Replace(path, Encoding.ASCII.GetBytes($"{key}\n"));

    /// <summary>The content of a private key file. The caller wipes it.</summary>
    public static byte[] FormatPrivate(Ed25519PrivateKey key, PrivateKeyForm form)
    {
        if (form == PrivateKeyForm.Pkcs8)
        {
            return Pkcs8.WritePem(key);
        }
        var writer = new ArrayBufferWriter<byte>(128);
        SeedAndPublic.Write(key, writer);
        writer.Write("\n"u8);
        var text = writer.WrittenSpan.ToArray();
        writer.Clear();
        return text;
    }

    static Ed25519PrivateKey ParsePrivate(ReadOnlySpan<byte> text, string what)
    {
        if (Pkcs8.LooksLikePem(text))
        {
            return Pkcs8.ParsePem(text, what);
        }
        Span<byte> line = stackalloc byte[128];
        try
        {
            if (text.Count((byte)'\r') + text.Count((byte)'\n') < text.Length - line.Length)
            {
                throw new MalformedException($"{what} is neither a Trustix key nor a PKCS#8 PEM file");
            }
            return SeedAndPublic.Parse(line[..WithoutLineBreaks(text, line)], what);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(line);
        }
    }

    /// <summary>Copies all but CR and LF; the destination must be long enough for that.</summary>
    static int WithoutLineBreaks(ReadOnlySpan<byte> text, Span<byte> destination)
    {
        var length = 0;
        foreach (var b in text)
        {
            if (b is not ((byte)'\r' or (byte)'\n'))
            {
                destination[length++] = b;
            }
        }
        return length;
    }
}
