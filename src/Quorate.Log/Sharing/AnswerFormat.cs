using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;
using Quorate.Core;

namespace Quorate.Log.Sharing;

/// <summary>The sequencer's answers to submissions (docs/formats/postgresql.md), read as strictly as <see cref="SubmissionFormat"/> reads those.</summary>
public static class AnswerFormat
{
    /// <summary>Longest reason in a refusal, in bytes.</summary>
    public const int MaxReason = 4096;

    const int OutcomeHeader = 12;
    const int DivergenceFixed = 2 + 2 * Sha256Digest.Size + sizeof(ulong);
    const ulong NoIndex = ulong.MaxValue;

    /// <summary>In the place of the number of items added: nothing of this submit was logged.</summary>
    const int Refused = -1;

    static ReadOnlySpan<byte> Magic => "QAN1"u8;
    static ReadOnlySpan<byte> RefusalMagic => "QNO1"u8;

    /// <summary>Writes what became of the submits of one submission, in their order.</summary>
    public static byte[] Write(IReadOnlyList<SubmitOutcome> outcomes)
    {
        long size = 8;
        foreach (var outcome in outcomes)
        {
            size += OutcomeHeader + outcome.Divergences.Sum(d => (long)DivergenceFixed + d.Key.Length);
            size += outcome.Refusal is { } refusal ? Reason(refusal).Length : 0;
        }
        var bytes = new byte[size];
        var rest = bytes.AsSpan();
        Magic.CopyTo(rest);
        BinaryPrimitives.WriteInt32LittleEndian(rest[4..], outcomes.Count);
        rest = rest[8..];
        foreach (var outcome in outcomes)
        {
            if (outcome.Refusal is { } refusal)
            {
                var text = Reason(refusal);
                BinaryPrimitives.WriteInt32LittleEndian(rest, Refused);
                BinaryPrimitives.WriteInt32LittleEndian(rest[4..], 0);
                BinaryPrimitives.WriteInt32LittleEndian(rest[8..], text.Length);
                text.CopyTo(rest[OutcomeHeader..]);
                rest = rest[(OutcomeHeader + text.Length)..];
                continue;
            }
            BinaryPrimitives.WriteInt32LittleEndian(rest, outcome.Added);
            BinaryPrimitives.WriteInt32LittleEndian(rest[4..], outcome.Duplicates);
            BinaryPrimitives.WriteInt32LittleEndian(rest[8..], outcome.Divergences.Count);
            rest = rest[OutcomeHeader..];
            foreach (var divergence in outcome.Divergences)
            {
                var key = divergence.Key.Length;
                BinaryPrimitives.WriteUInt16LittleEndian(rest, checked((ushort)key));
                divergence.Key.Span.CopyTo(rest[2..]);
                divergence.First.CopyTo(rest[(2 + key)..]);
                divergence.Later.CopyTo(rest[(2 + key + Sha256Digest.Size)..]);
                BinaryPrimitives.WriteUInt64LittleEndian(rest[(2 + key + 2 * Sha256Digest.Size)..], divergence.Index ?? NoIndex);
                rest = rest[(DivergenceFixed + key)..];
            }
        }
        return bytes;
    }

    /// <summary>Writes why a submission cannot be logged.</summary>
    public static byte[] WriteRefusal(string reason)
    {
        var text = Reason(reason);
        var bytes = new byte[8 + text.Length];
        RefusalMagic.CopyTo(bytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), text.Length);
        text.CopyTo(bytes, 8);
        return bytes;
    }

    /// <param name="outcomes">One for each submit; empty for a refusal.</param>
    /// <param name="refusal">Why nothing was logged; null when it was.</param>
    public static bool TryRead(ReadOnlyMemory<byte> bytes, out IReadOnlyList<SubmitOutcome> outcomes, out string? refusal)
    {
        (outcomes, refusal) = ([], null);
        var span = bytes.Span;
        if (span.Length < 8)
        {
            return false;
        }
        var count = BinaryPrimitives.ReadUInt32LittleEndian(span[4..]);
        if (span.StartsWith(RefusalMagic))
        {
            var length = span.Length - 8;
            if (count != length || length > MaxReason || !Utf8.IsValid(span[8..]))
            {
                return false;
            }
            refusal = Encoding.UTF8.GetString(span[8..]);
            return true;
        }
        if (!span.StartsWith(Magic) || count > SubmissionFormat.MaxSubmits || count * (long)OutcomeHeader > span.Length - 8)
        {
            return false;
        }
        var read = new List<SubmitOutcome>((int)count);
        var at = 8;
        for (var i = 0; i < count; i++)
        {
            if (!TryReadOutcome(bytes, ref at, out var outcome))
            {
                return false;
            }
            read.Add(outcome!);
        }
        outcomes = at == span.Length ? read : [];
        return at == span.Length;
    }

    static byte[] Reason(string reason) => Encoding.UTF8.GetBytes(reason.Length > MaxReason / 4 ? reason[..(MaxReason / 4)] : reason);

    static bool TryReadOutcome(ReadOnlyMemory<byte> bytes, ref int at, out SubmitOutcome? outcome)
    {
        outcome = null;
        var span = bytes.Span;
        if (span.Length - at < OutcomeHeader)
        {
            return false;
        }
        var added = BinaryPrimitives.ReadInt32LittleEndian(span[at..]);
        var duplicates = BinaryPrimitives.ReadInt32LittleEndian(span[(at + 4)..]);
        var count = BinaryPrimitives.ReadUInt32LittleEndian(span[(at + 8)..]);
        at += OutcomeHeader;
        if (added == Refused)
        {
            if (duplicates != 0 || count > Math.Min(MaxReason, span.Length - at) || !Utf8.IsValid(span.Slice(at, (int)count)))
            {
                return false;
            }
            outcome = new SubmitOutcome(0, 0, [], Encoding.UTF8.GetString(span.Slice(at, (int)count)));
            at += (int)count;
            return true;
        }
        if (added < 0 || duplicates < 0 || count * (long)DivergenceFixed > span.Length - at)
        {
            return false;
        }
        var divergences = new SelfDivergence[count];
        for (var i = 0; i < divergences.Length; i++)
        {
            if (span.Length - at < DivergenceFixed)
            {
                return false;
            }
            var key = BinaryPrimitives.ReadUInt16LittleEndian(span[at..]);
            if (span.Length - at - DivergenceFixed < key)
            {
                return false;
            }
            var digests = span[(at + 2 + key)..];
            var index = BinaryPrimitives.ReadUInt64LittleEndian(digests[(2 * Sha256Digest.Size)..]);
            divergences[i] = new SelfDivergence(
                bytes.Slice(at + 2, key),
                new Sha256Digest(digests[..Sha256Digest.Size]),
                new Sha256Digest(digests.Slice(Sha256Digest.Size, Sha256Digest.Size)),
                index == NoIndex ? null : index
            );
            at += DivergenceFixed + key;
        }
        outcome = new SubmitOutcome(added, duplicates, divergences);
        return true;
    }
}

/// <summary>What became of one Submit, without the head.</summary>
/// <param name="Refusal">Why nothing of it was logged: a key has as many claims as count; null when it was.</param>
public sealed record SubmitOutcome(int Added, int Duplicates, IReadOnlyList<SelfDivergence> Divergences, string? Refusal = null);
