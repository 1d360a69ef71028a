using System.Diagnostics.CodeAnalysis;
using System.Text;
using Quorate.Core;
using Quorate.Core.Encodings;
using Quorate.Crypto.Notes;

namespace Quorate.Log.Witnessing;

/// <summary>
/// What a log asks of a witness (C2SP tlog-witness, <c>add-checkpoint</c>): a line <c>old N</c>, the consistency proof from there in base64 a line each, an
/// empty line, the checkpoint.
/// </summary>
/// <param name="OldSize">What the witness is believed to have cosigned last.</param>
/// <param name="Proof">RFC 6962, from <paramref name="OldSize"/> to the checkpoint's size.</param>
public sealed record AddCheckpointRequest(ulong OldSize, IReadOnlyList<Sha256Digest> Proof, SignedNote Checkpoint)
{
    /// <summary>Trees have less than 2^63 entries.</summary>
    public const int MaxProof = 63;

    /// <summary>Largest request in bytes.</summary>
    public const int MaxBytes = SignedNote.MaxBytes + 4096;

    static ReadOnlySpan<byte> Old => "old "u8;

    /// <summary>The only accepted text is what <see cref="ToBytes"/> gives.</summary>
    public static bool TryParse(ReadOnlySpan<byte> body, [NotNullWhen(true)] out AddCheckpointRequest? request, out string error)
    {
        request = null;
        error = "the request does not begin with 'old' and a size below 2^63";
        if (body.Length > MaxBytes)
        {
            error = $"the request is larger than {MaxBytes} bytes";
            return false;
        }
        if (!TryLine(ref body, out var first) || !first.StartsWith(Old) || !TryText(first[Old.Length..], out var digits))
        {
            return false;
        }
        if (!StrictDecimal.TryParse(digits, out var oldSize))
        {
            return false;
        }
        var proof = new List<Sha256Digest>();
        while (true)
        {
            if (!TryLine(ref body, out var line))
            {
                error = "no empty line ends the proof";
                return false;
            }
            if (line.IsEmpty)
            {
                break;
            }
            if (proof.Count == MaxProof)
            {
                error = $"the proof has more than {MaxProof} hashes";
                return false;
            }
            if (
                !TryText(line, out var text)
                || !StrictBase64.TryDecode(text, Sha256Digest.Size, out var bytes)
                || !Sha256Digest.TryCreate(bytes, out var hash)
            )
            {
                error = $"hash {proof.Count} of the proof is not the base64 of 32 bytes";
                return false;
            }
            proof.Add(hash);
        }
        if (!SignedNote.TryParse(body, out var note, out error))
        {
            return false;
        }
        request = new AddCheckpointRequest(oldSize, proof, note);
        return true;
    }

    public byte[] ToBytes()
    {
        var head = new StringBuilder($"old {OldSize}\n");
        foreach (var hash in Proof)
        {
            head.Append(StrictBase64.Encode(hash.AsSpan())).Append('\n');
        }
        return [.. Encoding.ASCII.GetBytes(head.Append('\n').ToString()), .. Checkpoint.Bytes.Span];
    }

    static bool TryLine(ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> line)
    {
        var end = rest.IndexOf((byte)'\n');
        line = end < 0 ? default : rest[..end];
        rest = end < 0 ? rest : rest[(end + 1)..];
        return end >= 0;
    }

    static bool TryText(ReadOnlySpan<byte> line, out string text)
    {
        // No line of this part is longer than a size or a hash.
        var ok = line.Length <= 64 && Ascii.IsValid(line);
        text = ok ? Encoding.ASCII.GetString(line) : "";
        return ok;
    }
}
