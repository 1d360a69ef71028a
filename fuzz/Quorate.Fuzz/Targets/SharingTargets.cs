using Quorate.Core;
using Quorate.Log;
using Quorate.Log.Sharing;

namespace Quorate.Fuzz.Targets;

/// <summary>What the queue of a shared log holds.</summary>
sealed class SubmissionTarget : IFuzzTarget
{
    public string Name => "shared-log-submission";

    public IEnumerable<byte[]> Seeds =>
        [
            SubmissionFormat.Write([]),
            SubmissionFormat.Write([
                [],
                [new SubmitItem("key"u8.ToArray(), "value"u8.ToArray()), new SubmitItem(default, default)],
            ]),
        ];

    public void Run(ReadOnlySpan<byte> input)
    {
        var bytes = input.ToArray();
        if (SubmissionFormat.TryRead(bytes, out var submits))
        {
            FuzzException.ThrowUnless(
                SubmissionFormat.Write(submits).AsSpan().SequenceEqual(bytes),
                "a submission that was read is not written the same"
            );
        }
    }
}

/// <summary>What the sequencer of a shared log answers.</summary>
sealed class AnswerTarget : IFuzzTarget
{
    public string Name => "shared-log-answer";

    public IEnumerable<byte[]> Seeds =>
        [
            AnswerFormat.Write([]),
            AnswerFormat.Write([
                new(1, 2, []),
                new(0, 0, [new SelfDivergence("key"u8.ToArray(), Sha256Digest.Zero, Sha256Digest.Zero, 7)]),
            ]),
            AnswerFormat.WriteRefusal("too large"),
        ];

    public void Run(ReadOnlySpan<byte> input)
    {
        var bytes = input.ToArray();
        if (AnswerFormat.TryRead(bytes, out var outcomes, out var refusal))
        {
            var written = refusal is null ? AnswerFormat.Write(outcomes) : AnswerFormat.WriteRefusal(refusal);
            // A longer reason than we write is still a reason.
            FuzzException.ThrowUnless(
                refusal is { Length: > AnswerFormat.MaxReason / 4 } || written.AsSpan().SequenceEqual(bytes),
                "an answer that was read is not written the same"
            );
        }
    }
}
