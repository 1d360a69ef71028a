using Microsoft.Extensions.Logging;
using Quorate.Trust;

namespace Quorate.Node.Decisions;

/// <summary>Asks every builder at once and waits no longer than the verdict needs or the time limit allows.</summary>
sealed partial class TestimonyGathering(DecisionPorts ports, TimeProvider time, ILogger logger)
{
    /// <returns>One answer per voice, in order.</returns>
    public async ValueTask<SourceAnswer[]> GatherAsync(ProtocolModel model, BuildInput input)
    {
        var voices = model.Voices;
        var keyForms = model.Format.KeyForms(input.Key);
        var answers = new SourceAnswer?[voices.Length];
        Task<SourceAnswer>?[]? outstanding = null;
        // Made only when somebody has to be asked over the network: the common decision is local.
        CancellationTokenSource? limit = null;
        try
        {
            for (var i = 0; i < voices.Length; i++)
            {
                if (voices[i].AskedRemotely)
                {
                    limit ??= new CancellationTokenSource(ports.TimeLimit, time);
                }
                var answer = AskAsync(voices[i], input, keyForms, voices[i].AskedRemotely ? limit!.Token : CancellationToken.None);
                if (answer.IsCompletedSuccessfully)
                {
                    answers[i] = await answer;
                }
                else
                {
                    (outstanding ??= new Task<SourceAnswer>?[voices.Length])[i] = answer.AsTask();
                }
            }
            if (outstanding is not null)
            {
                limit ??= new CancellationTokenSource(ports.TimeLimit, time);
                await WaitAsync(model, answers, outstanding, limit);
            }
            return Array.ConvertAll(answers, answer => answer!.Value);
        }
        finally
        {
            if (limit is not null)
            {
                await limit.CancelAsync();
                limit.Dispose();
            }
        }
    }

    async Task WaitAsync(ProtocolModel model, SourceAnswer?[] answers, Task<SourceAnswer>?[] outstanding, CancellationTokenSource limit)
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = limit.Token.Register(ended.SetResult);
        Task? grace = null;
        var waiting = new List<Task>(outstanding.Length + 2);
        while (true)
        {
            waiting.Clear();
            for (var i = 0; i < outstanding.Length; i++)
            {
                if (outstanding[i] is { IsCompleted: true } done)
                {
                    answers[i] = await done;
                    outstanding[i] = null;
                }
                else if (outstanding[i] is { } task)
                {
                    waiting.Add(task);
                }
            }
            if (waiting.Count == 0)
            {
                return;
            }
            var settled = grace is not null || IsSettled(model, answers);
            if (ended.Task.IsCompleted || grace is { IsCompleted: true })
            {
                var reason = settled
                    ? "not waited for, as it could not change the verdict"
                    : $"no answer within {ports.TimeLimit.TotalSeconds:0.###} s";
                for (var i = 0; i < outstanding.Length; i++)
                {
                    if (!settled && outstanding[i] is { } late && model.Voices[i].Sources.Length > 1)
                    {
                        // Ends with the limit that has just passed, and has what the builder's other sources said until then.
                        answers[i] = await late;
                    }
                    answers[i] ??= new SourceAnswer(new Testimony.Unavailable(model.Voices[i].Builder, reason), SourceAnswer.Short);
                }
                return;
            }
            if (settled)
            {
                grace ??= Task.Delay(ports.SettledGrace, time, limit.Token);
                waiting.Add(grace);
            }
            waiting.Add(ended.Task);
            await Task.WhenAny(waiting);
        }
    }

    // Whoever has answered, even with silence, has had its say in this decision; only the outstanding may still join a candidate.
    bool IsSettled(ProtocolModel model, SourceAnswer?[] answers)
    {
        if (model.Rule is null)
        {
            return false;
        }
        var heard = new Testimony[answers.Length];
        for (var i = 0; i < heard.Length; i++)
        {
            var builder = model.Voices[i].Builder;
            heard[i] = answers[i]?.Testimony switch
            {
                null => new Testimony.Unavailable(builder, "outstanding"),
                Testimony.Given given => given,
                _ => new Testimony.Malformed(builder, "closed"),
            };
        }
        return model.Rule.IsSettled(heard, time.GetUtcNow());
    }

    async ValueTask<SourceAnswer> AskAsync(
        BuilderVoice voice,
        BuildInput input,
        IReadOnlyList<ReadOnlyMemory<byte>> keyForms,
        CancellationToken limit
    )
    {
        try
        {
            return await voice.AskAsync(input, keyForms, limit);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            return Unavailable(voice, $"no answer within {ports.TimeLimit.TotalSeconds:0.###} s");
        }
        // The edge between the node and its sources: one that breaks must cost its builder's vote and not everybody's decision.
        catch (Exception e)
        {
            LogSourceFailed(e, voice.Builder, input.Protocol.Name);
            return Unavailable(voice, "asking it failed; the node's log says how");
        }
    }

    static SourceAnswer Unavailable(BuilderVoice voice, string reason) =>
        new(new Testimony.Unavailable(voice.Builder, reason), SourceAnswer.Short);

    [LoggerMessage(52, LogLevel.Error, "Asking builder {Builder} about an input of protocol {Protocol} failed")]
    partial void LogSourceFailed(Exception exception, string builder, string protocol);
}
