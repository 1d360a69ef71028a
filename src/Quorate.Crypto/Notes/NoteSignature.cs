using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Quorate.Core;
using Quorate.Core.Encodings;

namespace Quorate.Crypto.Notes;

/// <summary>One signature line of a note: <c>— name base64(key ID ‖ signature)</c>. What the bytes are is the key's business.</summary>
public sealed record NoteSignature
{
    /// <summary>Largest signature in bytes; ML-DSA-87 has 4,627.</summary>
    public const int MaxBytes = 16 << 10;

    const int IdSize = 4;
    static readonly UTF8Encoding s_strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <exception cref="ArgumentException">The name cannot stand in a note, or the signature is empty or too long.</exception>
    public NoteSignature(string name, uint keyId, ReadOnlyMemory<byte> bytes)
    {
        if (!NoteName.IsName(name) || bytes.Length is 0 or > MaxBytes)
        {
            throw new ArgumentException($"no signature line can have the name '{name}' and {bytes.Length} bytes", nameof(name));
        }
        (Name, KeyId, Bytes) = (name, keyId, bytes);
    }

    public string Name { get; }

    /// <summary>With the name, what tells keys apart. Short, so no proof of anything.</summary>
    public uint KeyId { get; }

    /// <summary>What follows the key ID.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    static ReadOnlySpan<byte> Dash => "— "u8;

    /// <summary>Parses one line without its newline; the only accepted text is what <see cref="ToString"/> gives.</summary>
    public static bool TryParse(ReadOnlySpan<byte> line, [NotNullWhen(true)] out NoteSignature? signature, out string error)
    {
        signature = null;
        error = "a signature line is not '— name base64'";
        if (!line.StartsWith(Dash))
        {
            return false;
        }
        line = line[Dash.Length..];
        var space = line.IndexOf((byte)' ');
        if (space <= 0 || (line.Length - space) / 4L > (MaxBytes + IdSize + 2L) / 3)
        {
            return false;
        }
        string name;
        try
        {
            name = s_strictUtf8.GetString(line[..space]);
        }
        catch (DecoderFallbackException)
        {
            error = "the name in a signature line is not UTF-8";
            return false;
        }
        if (!NoteName.IsName(name))
        {
            error = "the name in a signature line has a space, a plus sign or a control character";
            return false;
        }
        if (
            !StrictBase64.TryDecode(Encoding.Latin1.GetString(line[(space + 1)..]), MaxBytes + IdSize, out var bytes)
            || bytes.Length <= IdSize
        )
        {
            error = $"the signature of {name} is not the base64 of a key ID and a signature";
            return false;
        }
        error = "";
        signature = new NoteSignature(name, BinaryPrimitives.ReadUInt32BigEndian(bytes), bytes.AsMemory(IdSize));
        return true;
    }

    /// <exception cref="MalformedException"/>
    public static NoteSignature Parse(ReadOnlySpan<byte> line) =>
        TryParse(line, out var signature, out var error) ? signature : throw new MalformedException(error);

    public bool Equals(NoteSignature? other) =>
        other is not null && Name == other.Name && KeyId == other.KeyId && Bytes.Span.SequenceEqual(other.Bytes.Span);

    public override int GetHashCode() => HashCode.Combine(Name, KeyId, Bytes.Length);

    /// <summary>The line without its newline.</summary>
    public override string ToString()
    {
        var bytes = new byte[IdSize + Bytes.Length];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, KeyId);
        Bytes.Span.CopyTo(bytes.AsSpan(IdSize));
        return $"— {Name} {StrictBase64.Encode(bytes)}";
    }
}
