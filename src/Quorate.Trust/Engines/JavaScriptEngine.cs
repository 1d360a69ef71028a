using Quorate.Core;

namespace Quorate.Trust.Engines;

/// <summary>Lets a function of the operator choose. It can only choose what some builder has claimed.</summary>
public sealed class JavaScriptEngine(IScriptEngine interpreter, ScriptLimits limits)
{
    public async Task<EngineAnswer> DecideAsync(EngineVotes votes, string function, CancellationToken cancellationToken)
    {
        if (votes.Candidates == 0)
        {
            return new EngineAnswer.Failed("nobody has built it", votes.Open > 0);
        }
        var result = await interpreter.RunAsync(function, votes.ToScriptInput(), limits, cancellationToken);
        if (result is ScriptResult.Failed failed)
        {
            // A limit may not be hit next time, and a function that throws on these inputs may have run out of memory.
            return new EngineAnswer.Failed(failed.Detail, CouldChange: true);
        }
        var text = ((ScriptResult.Returned)result).Text;
        if (Sha256Digest.TryParseHex(text, out var digest))
        {
            for (var candidate = 0; candidate < votes.Candidates; candidate++)
            {
                if (votes.DigestOf(candidate) == digest)
                {
                    var count = votes.Count(candidate);
                    return new EngineAnswer.Chosen(candidate, count * 100 / votes.Configured, "the function chose this digest");
                }
            }
        }
        return new EngineAnswer.Failed($"the function returned {Printable(text)}, which is not the digest of an input", votes.Open > 0);
    }

    static string Printable(string text)
    {
        const int shown = 80;
        var clean = string.Concat(text.Take(shown).Select(c => char.IsControl(c) ? '?' : c));
        return text.Length > shown ? $"'{clean}…'" : $"'{clean}'";
    }
}
