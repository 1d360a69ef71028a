using System.Text;
using Quorate.Core;
using Quorate.Crypto.Notes;
using Quorate.Log.Auditing;
using Quorate.Log.Tiles;

namespace Quorate.Fuzz.Targets;

/// <summary>A checkpoint of an empty tree, signed and cosigned with the fixed key.</summary>
static class FuzzNotes
{
    public static NoteSigner Signer { get; } = new("log.example/a", FuzzKeys.Key);

    public static NoteCosigner Cosigner { get; } = new("witness.example", FuzzKeys.Key);

    public static byte[] Text { get; } = new Checkpoint("log.example/a", 0, Core.Merkle.TreeHash.EmptyRoot).ToText();

    public static SignedNote Note { get; } = SignedNote.Create(Text, [Signer.Sign(Text), Cosigner.Cosign(Text, 1)]);
}

sealed class SignedNoteTarget : IFuzzTarget
{
    public string Name => "signed-note";

    public IEnumerable<byte[]> Seeds => [FuzzNotes.Note.Bytes.ToArray(), "a\n\nb\n\n— n AAAAAAA=\n"u8.ToArray()];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (!SignedNote.TryParse(input, out var note, out _))
        {
            return;
        }
        var again = SignedNote.Create(note.Text.Span, note.Signatures);
        FuzzException.ThrowUnless(again.Bytes.Span.SequenceEqual(input), "an accepted note is not canonical");
        var check = NoteCheck.Of(note, [FuzzNotes.Signer.VerifierKey, FuzzNotes.Cosigner.VerifierKey]);
        FuzzException.ThrowUnless(
            !check.Result.IsVerified || note.Text.Span.SequenceEqual(FuzzNotes.Text),
            "a text verifies that was never signed"
        );
    }
}

sealed class NoteVerifierKeyTarget : IFuzzTarget
{
    public string Name => "note-verifier-key";

    public IEnumerable<byte[]> Seeds =>
        [
            Encoding.UTF8.GetBytes(FuzzNotes.Signer.VerifierKey.ToString()),
            Encoding.UTF8.GetBytes(FuzzNotes.Cosigner.VerifierKey.ToString()),
            "n+00000000+AgAA"u8.ToArray(),
        ];

    public void Run(ReadOnlySpan<byte> input)
    {
        var text = Encoding.UTF8.GetString(input);
        if (NoteVerifierKey.TryParse(text, out var key, out _))
        {
            FuzzException.ThrowUnless(key.ToString() == text, "an accepted verifier key is not canonical");
        }
    }
}

sealed class CheckpointTarget : IFuzzTarget
{
    public string Name => "checkpoint";

    public IEnumerable<byte[]> Seeds =>
        [FuzzNotes.Text, "go.sum database tree\n1\npipUvjMpT/1aXExjf9dUYwtxqJLoNW46Zmpcin/9FRg=\nextension\n"u8.ToArray()];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (Checkpoint.TryParse(input, out var checkpoint, out _))
        {
            FuzzException.ThrowUnless(checkpoint.ToText().AsSpan().SequenceEqual(input), "an accepted checkpoint is not canonical");
        }
    }
}

sealed class TileNumberTarget : IFuzzTarget
{
    public string Name => "tile-number";

    public IEnumerable<byte[]> Seeds => ["x001/x234/067.p/255"u8.ToArray(), "000"u8.ToArray()];

    public void Run(ReadOnlySpan<byte> input)
    {
        var text = Encoding.Latin1.GetString(input);
        if (TileNumber.TryParse(text, out var number))
        {
            FuzzException.ThrowUnless(number.ToString() == text, "an accepted tile number is not canonical");
        }
    }
}

sealed class EntryBundleTarget : IFuzzTarget
{
    public string Name => "entry-bundle";

    public IEnumerable<byte[]> Seeds =>
        [
            [3, 0, 1, 65, 0, 0, 0, 2, 66, 67],
            [0],
        ];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (input.IsEmpty)
        {
            return;
        }
        var bundle = input[1..];
        var entries = new BundleEntry[input[0]];
        if (!EntryBundle.TrySplit(bundle, entries))
        {
            return;
        }
        var again = new System.Buffers.ArrayBufferWriter<byte>();
        foreach (var entry in entries)
        {
            EntryBundle.Append(again, bundle[entry.Start..entry.End]);
        }
        FuzzException.ThrowUnless(again.WrittenSpan.SequenceEqual(bundle), "an accepted bundle is not canonical");
    }
}

sealed class TlogProofTarget : IFuzzTarget
{
    public string Name => "tlog-proof";

    public IEnumerable<byte[]> Seeds =>
        [
            new TlogProof("extra"u8.ToArray(), 5, [Sha256Digest.Zero, Core.Merkle.TreeHash.EmptyRoot], FuzzNotes.Note).ToBytes(),
            new TlogProof(null, 0, [], FuzzNotes.Note).ToBytes(),
        ];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (TlogProof.TryParse(input, out var proof, out _))
        {
            FuzzException.ThrowUnless(proof.ToBytes().AsSpan().SequenceEqual(input), "an accepted proof is not canonical");
        }
    }
}

sealed class TlogPolicyTarget : IFuzzTarget
{
    public string Name => "tlog-policy";

    public IEnumerable<byte[]> Seeds =>
        [
            Encoding.UTF8.GetBytes(
                $"# comment\nlog {FuzzNotes.Signer.VerifierKey} https://log.example\nwitness w {FuzzNotes.Cosigner.VerifierKey}\ngroup g 1 w\nquorum g\n"
            ),
            "quorum none\n"u8.ToArray(),
        ];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (TlogPolicy.TryParse(input, out var policy, out _))
        {
            FuzzException.ThrowUnless(policy.IsMetBy(_ => true), "a policy that nobody can meet was accepted");
            FuzzException.ThrowUnless(policy.Quorum is null || !policy.IsMetBy(_ => false), "a quorum is met by nobody");
        }
    }
}

sealed class ValueBundleTarget : IFuzzTarget
{
    public string Name => "value-bundle";

    public IEnumerable<byte[]> Seeds =>
        [
            [3, 0, 0, 0, 1, 65, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe],
            [1, 0, 0, 0, 0],
            [0],
        ];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (input.IsEmpty)
        {
            return;
        }
        var bundle = input[1..].ToArray();
        var values = new BundleEntry[input[0]];
        if (!ValueBundle.TrySplit(bundle, values))
        {
            return;
        }
        var again = new System.Buffers.ArrayBufferWriter<byte>();
        foreach (var value in values)
        {
            ValueBundle.Append(
                again,
                value.Length switch
                {
                    -2 => default(ReadOnlyMemory<byte>?),
                    -1 => new byte[ValueBundle.MaxValueLength + 1],
                    _ => bundle.AsMemory(value.Start, value.Length),
                }
            );
        }
        FuzzException.ThrowUnless(again.WrittenSpan.SequenceEqual(bundle), "an accepted value bundle is not canonical");
    }
}

sealed class HeadBundleTarget : IFuzzTarget
{
    public string Name => "head-bundle";

    public IEnumerable<byte[]> Seeds =>
        [
            [2, .. new byte[2 * HeadRecordBundle.RecordSize]],
            [0],
        ];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (input.IsEmpty || !HeadRecordBundle.TryRead(input[1..], input[0], out var heads))
        {
            return;
        }
        var again = new byte[heads.Length * HeadRecordBundle.RecordSize];
        for (var i = 0; i < heads.Length; i++)
        {
            HeadRecordBundle.Write(again.AsSpan(i * HeadRecordBundle.RecordSize), heads[i]);
        }
        FuzzException.ThrowUnless(again.AsSpan().SequenceEqual(input[1..]), "an accepted head bundle is not canonical");
    }
}

sealed class ProofExtraTarget : IFuzzTarget
{
    public string Name => "proof-extra";

    public IEnumerable<byte[]> Seeds
    {
        get
        {
            var data = LeafData.Of("key"u8, Sha256Digest.HashData("value"u8));
            return [new ProofExtra(data, "value"u8.ToArray()).ToBytes(), new ProofExtra(data, null).ToBytes()];
        }
    }

    public void Run(ReadOnlySpan<byte> input)
    {
        if (ProofExtra.TryRead(input.ToArray(), out var key, out var digest, out var extra))
        {
            FuzzException.ThrowUnless(extra!.ToBytes().AsSpan().SequenceEqual(input), "an accepted extra is not canonical");
            FuzzException.ThrowUnless(
                LeafData.Of(key.Span, digest).AsSpan().SequenceEqual(extra.Data.Span),
                "an entry was split where it does not split"
            );
        }
    }
}

sealed class AuditStateTarget : IFuzzTarget
{
    const string FirstLine = "quorate-audit 2\n";

    public string Name => "audit-state";

    public IEnumerable<byte[]> Seeds
    {
        get
        {
            var hash = Convert.ToBase64String(new byte[Sha256Digest.Size]);
            var none = Convert.ToBase64String(Sha256Digest.HashData([]).AsSpan());
            var key = $"key {FuzzNotes.Signer.VerifierKey}\n";
            var tile = $"1 {hash}\n2 \n3 \n4 \n5 \n6 \n7 \n";
            return
            [
                Encoding.UTF8.GetBytes($"{FirstLine}{key}audited nothing\ntiles 0\nheads 0 {none}\n1 \n2 \n3 \n4 \n5 \n6 \n7 \n"),
                Encoding.UTF8.GetBytes($"{FirstLine}{key}audited 300 {hash}\ntiles 1\nheads 9 {hash}\n{tile}"),
                Encoding.UTF8.GetBytes($"quorate-audit 1\n{key}audited 300 {hash}\ntiles 1\n{tile}"),
            ];
        }
    }

    public void Run(ReadOnlySpan<byte> input)
    {
        if (AuditState.TryParse(input, out var state))
        {
            var written = state.ToBytes();
            FuzzException.ThrowUnless(
                !input.StartsWith("quorate-audit 2\n"u8) || written.AsSpan().SequenceEqual(input),
                "an accepted audit state is not canonical"
            );
            FuzzException.ThrowUnless(AuditState.TryParse(written, out _), "what was written of an audit state is not one");
        }
    }
}
