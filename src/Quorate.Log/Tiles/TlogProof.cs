using System.Diagnostics.CodeAnalysis;
using System.Text;
using Quorate.Core;
using Quorate.Core.Encodings;
using Quorate.Core.Merkle;
using Quorate.Crypto.Notes;

namespace Quorate.Log.Tiles;

/// <summary>
/// A file that proves offline that a log holds an entry (C2SP tlog-proof): index, inclusion proof, and a signed checkpoint. Parsing says nothing of
/// whether it holds: see <see cref="Verify"/>.
/// </summary>
/// <param name="Extra">Bytes of the application's own that nothing authenticates; null when the line is left out.</param>
/// <param name="Checkpoint">Verbatim, with all its signatures.</param>
public sealed record TlogProof(ReadOnlyMemory<byte>? Extra, ulong Index, IReadOnlyList<Sha256Digest> Hashes, SignedNote Checkpoint)
{
    /// <summary>Largest file in bytes.</summary>
    public const int MaxBytes = 1 << 20;

    /// <summary>Largest extra data in bytes.</summary>
    public const int MaxExtra = 256 << 10;

    const int MaxHashes = 63;
    const int HashLine = 44;

    /// <summary>The only accepted bytes are what <see cref="ToBytes"/> gives.</summary>
    public static bool TryParse(ReadOnlySpan<byte> file, [NotNullWhen(true)] out TlogProof? proof, out string error)
    {
        proof = null;
        if (file.Length > MaxBytes)
        {
            error = $"the proof is larger than {MaxBytes} bytes";
            return false;
        }
        if (!TakeLine(ref file, out var line) || !line.SequenceEqual("c2sp.org/tlog-proof@v1"u8))
        {
            error = "not a file of format c2sp.org/tlog-proof@v1";
            return false;
        }
        byte[]? extra = null;
        error = "the line 'index' is missing";
        if (!TakeLine(ref file, out line))
        {
            return false;
        }
        if (line.StartsWith("extra "u8))
        {
            if (!StrictBase64.TryDecode(Encoding.Latin1.GetString(line["extra "u8.Length..]), MaxExtra, out extra))
            {
                error = $"the line 'extra' is not the base64 of at most {MaxExtra} bytes";
                return false;
            }
            if (!TakeLine(ref file, out line))
            {
                return false;
            }
        }
        if (!line.StartsWith("index "u8) || !StrictDecimal.TryParse(line["index "u8.Length..], out var index))
        {
            error = "the line 'index' does not hold a canonical decimal below 2^63";
            return false;
        }
        var hashes = new List<Sha256Digest>();
        error = "the lines of the proof do not end with an empty one";
        while (TakeLine(ref file, out line))
        {
            if (line.IsEmpty)
            {
                if (!SignedNote.TryParse(file, out var note, out error))
                {
                    return false;
                }
                proof = new TlogProof(extra is null ? default(ReadOnlyMemory<byte>?) : extra, index, hashes, note);
                return true;
            }
            if (
                hashes.Count == MaxHashes
                || line.Length != HashLine
                || !StrictBase64.TryDecode(Encoding.Latin1.GetString(line), Sha256Digest.Size, out var bytes)
                || !Sha256Digest.TryCreate(bytes, out var hash)
            )
            {
                error = $"line {hashes.Count + 1} of the inclusion proof is not the base64 of 32 bytes, or there are more than {MaxHashes}";
                return false;
            }
            hashes.Add(hash);
        }
        return false;
    }

    /// <exception cref="MalformedException"/>
    public static TlogProof Parse(ReadOnlySpan<byte> file) =>
        TryParse(file, out var proof, out var error) ? proof : throw new MalformedException(error);

    /// <summary>Whether the policy accepts the checkpoint, and the checkpoint's tree holds the leaf at the index.</summary>
    /// <param name="leafHash">Computed by the caller from what it wants to see proved, never from unauthenticated data alone.</param>
    public PolicyCheck Verify(in Sha256Digest leafHash, TlogPolicy policy)
    {
        var check = policy.Check(Checkpoint);
        if (!check.Result.IsVerified)
        {
            return check;
        }
        var inclusion = MerkleProof.VerifyInclusion(Index, check.Checkpoint!.Size, leafHash, Hashes, check.Checkpoint.Root);
        return inclusion.IsVerified ? check : PolicyCheck.Rejected(inclusion);
    }

    public byte[] ToBytes()
    {
        var text = new StringBuilder("c2sp.org/tlog-proof@v1\n");
        if (Extra is { } extra)
        {
            text.Append("extra ").Append(StrictBase64.Encode(extra.Span)).Append('\n');
        }
        text.Append("index ").Append(Index).Append('\n');
        foreach (var hash in Hashes)
        {
            text.Append(StrictBase64.Encode(hash.AsSpan())).Append('\n');
        }
        text.Append('\n');
        return [.. Encoding.ASCII.GetBytes(text.ToString()), .. Checkpoint.Bytes.Span];
    }

    static bool TakeLine(ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> line)
    {
        var end = rest.IndexOf((byte)'\n');
        line = end < 0 ? default : rest[..end];
        rest = end < 0 ? rest : rest[(end + 1)..];
        return end >= 0;
    }
}
