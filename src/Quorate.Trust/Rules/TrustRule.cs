using System.Diagnostics.CodeAnalysis;

namespace Quorate.Trust.Rules;

/// <summary>A parsed and checked rule, prepared for evaluation. Immutable and safe for concurrent use.</summary>
public sealed class TrustRule
{
    readonly RuleEvaluation _evaluation;
    readonly DateTimeOffset[] _bounds;
    readonly TimeSpan[] _ages;

    TrustRule(TrustModel model, IReadOnlyList<BuilderSource> sources, bool majority)
    {
        Model = model;
        Text = model.ToString()!;
        Builders = [.. model.Builders()];
        _evaluation = new RuleEvaluation(this, sources, majority);
        _bounds = [.. RuleEvaluation.ConditionsOf(model).OfType<VoteCondition.Before>().Select(before => before.Instant).Order()];
        _ages = [.. RuleEvaluation.ConditionsOf(model).OfType<VoteCondition.Fresh>().Select(fresh => fresh.Age).Distinct()];
        DependsOnWitnesses = _ages.Length > 0 || RuleEvaluation.ConditionsOf(model).Any(c => c is VoteCondition.Witnessed);
    }

    public TrustModel Model { get; }

    /// <summary>A decision may change when <see cref="Evidence.Witnessing"/> does.</summary>
    public bool DependsOnWitnesses { get; }

    /// <summary>The rule in its canonical spelling.</summary>
    public string Text { get; }

    /// <summary>The builders that the rule names, in the order of its text, each once.</summary>
    public IReadOnlyList<string> Builders { get; }

    /// <param name="contestedByMajority">Of several accepted candidates take the one with strictly more supporters instead of refusing.</param>
    public static bool TryParse(
        string text,
        RuleContext context,
        bool contestedByMajority,
        [NotNullWhen(true)] out TrustRule? rule,
        [NotNullWhen(false)] out RuleError? error
    )
    {
        rule = null;
        error = null;
        if (text.Length > RuleParser.MaxLength)
        {
            error = RuleError.At(text, RuleParser.MaxLength, $"the rule is longer than {RuleParser.MaxLength} characters");
            return false;
        }
        try
        {
            rule = new TrustRule(new RuleParser(text, context).Parse(), context.Sources, contestedByMajority);
            return true;
        }
        catch (RuleFaultException fault)
        {
            error = RuleError.At(text, fault.Offset, fault.Message);
            return false;
        }
    }

    /// <summary>Judges what was heard. Testimonies of builders outside the rule have no vote and are passed on.</summary>
    /// <param name="now">A builder that is silent at this time could only make claims that are first seen later.</param>
    /// <exception cref="ArgumentException">Two testimonies of one builder.</exception>
    public Decision Decide(IReadOnlyList<Testimony> testimonies, DateTimeOffset now) => _evaluation.Decide(testimonies, now);

    /// <summary>
    /// Whether no claim of a silent or unavailable builder could change the verdict or the accepted output. Callers that wait for some
    /// builders only pass the others as <see cref="Testimony.Malformed"/>.
    /// </summary>
    public bool IsSettled(IReadOnlyList<Testimony> testimonies, DateTimeOffset now) => _evaluation.IsSettled(testimonies, now);

    /// <summary>When time alone may change a decision made at <paramref name="now"/> of what was heard; null for never.</summary>
    public DateTimeOffset? NextBound(DateTimeOffset now, IReadOnlyList<Testimony> testimonies)
    {
        DateTimeOffset? next = null;
        foreach (var bound in _bounds)
        {
            if (bound > now)
            {
                next = bound;
                break;
            }
        }
        foreach (var age in _ages)
        {
            foreach (var testimony in testimonies)
            {
                // The age itself is still fresh, the moment after is not.
                if (
                    testimony is Testimony.Given { Evidence.Witnessing.FreshAt: { } at }
                    && at + age + TimeSpan.FromTicks(1) is var stale
                    && stale > now
                    && (next is null || stale < next)
                )
                {
                    next = stale;
                }
            }
        }
        return next;
    }

    public override string ToString() => Text;
}
