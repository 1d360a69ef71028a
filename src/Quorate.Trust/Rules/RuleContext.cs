namespace Quorate.Trust.Rules;

/// <summary>What the names in a rule may refer to.</summary>
/// <param name="Protocol">For messages.</param>
/// <param name="Sources">Every log and cache of the rule's protocol, in configuration order.</param>
/// <param name="OtherBuilders">Builders that are configured, but for other protocols only; naming one gets its own message.</param>
public sealed record RuleContext(string Protocol, IReadOnlyList<BuilderSource> Sources, IReadOnlyList<string> OtherBuilders)
{
    public IEnumerable<string> Builders => Sources.Select(source => source.Builder).Distinct(StringComparer.Ordinal);

    public bool Knows(string builder) => Sources.Any(source => source.Builder == builder);
}
