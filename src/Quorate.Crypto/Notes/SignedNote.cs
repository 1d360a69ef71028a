using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Unicode;
using Quorate.Core;

namespace Quorate.Crypto.Notes;

/// <summary>
/// A text with signature lines (C2SP signed-note). Parsing says nothing about who signed: see <see cref="NoteCheck"/>. The bytes that were parsed
/// are kept; printing a parsed note gives them back.
/// </summary>
public sealed class SignedNote
{
    /// <summary>Largest note in bytes.</summary>
    public const int MaxBytes = 256 << 10;

    /// <summary>Most signature lines; the specification asks for at least 16.</summary>
    public const int MaxSignatures = 64;

    readonly byte[] _bytes;

    SignedNote(byte[] bytes, int textLength, IReadOnlyList<NoteSignature> signatures)
    {
        _bytes = bytes;
        Text = bytes.AsMemory(0, textLength);
        Signatures = signatures;
    }

    /// <summary>What is signed: everything before the empty line, its newline included.</summary>
    public ReadOnlyMemory<byte> Text { get; }

    /// <summary>In the order of the note; at least one.</summary>
    public IReadOnlyList<NoteSignature> Signatures { get; }

    /// <summary>The whole note.</summary>
    public ReadOnlyMemory<byte> Bytes => _bytes;

    /// <summary>A note of our own.</summary>
    /// <exception cref="ArgumentException">The text cannot stand in a note, or there are no signatures or too many.</exception>
    public static SignedNote Create(ReadOnlySpan<byte> text, IReadOnlyList<NoteSignature> signatures)
    {
        using var note = new MemoryStream();
        note.Write(text);
        note.Write("\n"u8);
        foreach (var signature in signatures)
        {
            note.Write(Encoding.UTF8.GetBytes(signature.ToString()));
            note.Write("\n"u8);
        }
        // Parsed again: what we print is held to what we accept, and a text with an empty line at its end would move the border.
        return TryParse(note.ToArray(), out var created, out var error) && created.Text.Length == text.Length
            ? created
            : throw new ArgumentException($"not a note: {error}", nameof(text));
    }

    public static bool TryParse(ReadOnlySpan<byte> note, [NotNullWhen(true)] out SignedNote? parsed, out string error)
    {
        parsed = null;
        error = "";
        if (note.Length > MaxBytes)
        {
            error = $"the note is larger than {MaxBytes} bytes";
        }
        else if (!Utf8.IsValid(note))
        {
            error = "the note is not UTF-8";
        }
        else if (HasControl(note))
        {
            error = "the note has a control character";
        }
        if (error.Length > 0)
        {
            return false;
        }
        // The last empty line: texts may have empty lines, too.
        var split = note.LastIndexOf("\n\n"u8);
        if (split < 0 || split + 2 == note.Length || note[^1] != (byte)'\n')
        {
            error = "the note has no signature lines behind an empty line, or ends without a newline";
            return false;
        }
        var signatures = new List<NoteSignature>();
        for (var rest = note[(split + 2)..]; !rest.IsEmpty; )
        {
            var end = rest.IndexOf((byte)'\n');
            if (signatures.Count == MaxSignatures)
            {
                error = $"the note has more than {MaxSignatures} signatures";
                return false;
            }
            if (!NoteSignature.TryParse(rest[..end], out var signature, out error))
            {
                return false;
            }
            signatures.Add(signature);
            rest = rest[(end + 1)..];
        }
        parsed = new SignedNote(note.ToArray(), split + 1, signatures);
        return true;
    }

    /// <exception cref="MalformedException"/>
    public static SignedNote Parse(ReadOnlySpan<byte> note) =>
        TryParse(note, out var parsed, out var error) ? parsed : throw new MalformedException(error);

    /// <summary>The same note with further signatures behind those it has; one that it has already is not repeated.</summary>
    /// <exception cref="ArgumentException">Too many signatures.</exception>
    public SignedNote With(IEnumerable<NoteSignature> more) => Create(Text.Span, [.. Signatures.Concat(more).Distinct()]);

    public override string ToString() => Encoding.UTF8.GetString(_bytes);

    static bool HasControl(ReadOnlySpan<byte> note)
    {
        foreach (var c in note)
        {
            if (c is < 0x20 and not (byte)'\n')
            {
                return true;
            }
        }
        return false;
    }
}
