using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Log;
using Quorate.Log.Sharing;
using Xunit;

namespace Quorate.Tests.Log;

public sealed class SharingFormatTests
{
    [Fact]
    public void Submission_that_was_written_reads_the_same()
    {
        Prop.ForAll<byte[][][]>(submits =>
            {
                var items = submits
                    .Select(s =>
                        (IReadOnlyList<SubmitItem>)[.. (s ?? []).Select(b => new SubmitItem(b ?? [], (b ?? []).Reverse().ToArray()))]
                    )
                    .ToList();
                var bytes = SubmissionFormat.Write(items);
                return SubmissionFormat.TryRead(bytes, out var read)
                    && read.Count == items.Count
                    && read.Zip(items).All(pair => pair.First.Count == pair.Second.Count)
                    && SubmissionFormat.Write(read).AsSpan().SequenceEqual(bytes);
            })
            .QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Submission_that_is_cut_longer_or_of_another_magic_is_refused()
    {
        var bytes = SubmissionFormat.Write([
            [],
            [new SubmitItem("key"u8.ToArray(), "value"u8.ToArray()), new SubmitItem(default, default)],
        ]);
        Assert.True(SubmissionFormat.TryRead(bytes, out var submits));
        Assert.Equal([0, 2], submits.Select(s => s.Count));
        AssertOnlyWholeIsRead(bytes, b => SubmissionFormat.TryRead(b, out _));
    }

    [Fact]
    public void Submission_of_more_submits_than_the_limit_is_refused()
    {
        var most = new IReadOnlyList<SubmitItem>[SubmissionFormat.MaxSubmits];
        Array.Fill(most, []);
        Assert.True(SubmissionFormat.TryRead(SubmissionFormat.Write(most), out _));
        Assert.False(SubmissionFormat.TryRead(SubmissionFormat.Write([.. most, []]), out _));
    }

    [Fact]
    public void Answer_that_was_written_reads_the_same()
    {
        Prop.ForAll<(byte Added, ushort Duplicates, byte[][] Keys)[]>(outcomes =>
            {
                var written = outcomes
                    .Select(o =>
                        o.Added == 7
                            ? new SubmitOutcome(0, 0, [], $"refused: {o.Duplicates} Ä")
                            : new SubmitOutcome(
                                o.Added,
                                o.Duplicates,
                                [
                                    .. (o.Keys ?? []).Select(
                                        (k, i) => new SelfDivergence(k ?? [], Digest(i), Digest(-i), i % 2 == 0 ? (ulong)i : null)
                                    ),
                                ]
                            )
                    )
                    .ToList();
                var bytes = AnswerFormat.Write(written);
                return AnswerFormat.TryRead(bytes, out var read, out var refusal)
                    && refusal is null
                    && read.Zip(written)
                        .All(p =>
                            (p.First.Added, p.First.Duplicates, p.First.Refusal) == (p.Second.Added, p.Second.Duplicates, p.Second.Refusal)
                        )
                    && read.SelectMany(o => o.Divergences)
                        .Select(d => (d.Index, d.First, d.Later))
                        .SequenceEqual(written.SelectMany(o => o.Divergences).Select(d => (d.Index, d.First, d.Later)))
                    && AnswerFormat.Write(read).AsSpan().SequenceEqual(bytes);
            })
            .QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Answer_that_is_cut_longer_or_of_another_magic_is_refused()
    {
        var bytes = AnswerFormat.Write([new(1, 2, []), new(0, 0, [new SelfDivergence("key"u8.ToArray(), Digest(1), Digest(2), 7)])]);
        AssertOnlyWholeIsRead(bytes, b => AnswerFormat.TryRead(b, out _, out _));
        AssertOnlyWholeIsRead(AnswerFormat.WriteRefusal("too large"), b => AnswerFormat.TryRead(b, out _, out _));
    }

    [Fact]
    public void Refusal_that_was_written_gives_its_reason_shortened_to_the_limit()
    {
        Assert.True(AnswerFormat.TryRead(AnswerFormat.WriteRefusal("zu groß"), out var outcomes, out var refusal));
        Assert.Equal(("zu groß", 0), (refusal, outcomes.Count));
        Assert.True(AnswerFormat.TryRead(AnswerFormat.WriteRefusal(new string('ß', 100_000)), out _, out var shortened));
        Assert.InRange(shortened!.Length, 1, AnswerFormat.MaxReason);
    }

    [Fact]
    public void TryRead_of_any_bytes_never_throws()
    {
        var whole = AnswerFormat.Write([new(1, 2, []), new(0, 0, [new SelfDivergence("key"u8.ToArray(), Digest(1), Digest(2), 7)])]);
        Prop.ForAll<byte[], byte>(
                (patch, at) =>
                {
                    var patched = whole.ToArray();
                    var start = at % patched.Length;
                    patch.AsSpan(0, Math.Min(patch.Length, patched.Length - start)).CopyTo(patched.AsSpan(start));
                    _ = AnswerFormat.TryRead(patched, out _, out _);
                    "QSB1"u8.CopyTo(patched);
                    _ = SubmissionFormat.TryRead(patched, out _);
                    return true;
                }
            )
            .QuickCheckThrowOnFailure();
    }

    static void AssertOnlyWholeIsRead(byte[] bytes, Func<byte[], bool> read)
    {
        Assert.True(read(bytes));
        Assert.False(read([.. bytes, 0]));
        for (var length = 0; length < bytes.Length; length++)
        {
            Assert.False(read(bytes[..length]), $"{length} of {bytes.Length} bytes");
        }
        bytes[0] ^= 1;
        Assert.False(read(bytes));
    }

    static Sha256Digest Digest(int i) => Sha256Digest.HashData(BitConverter.GetBytes(i));
}
