using System.Globalization;
using System.Text;

namespace Quorate.Trust.Rules;

/// <summary>A consumer's rule over builders. Build it with <see cref="TrustRule.TryParse"/>: parsing also proves that no builder is named twice.</summary>
public abstract record TrustModel
{
    TrustModel() { }

    /// <summary>The vote of one builder.</summary>
    public sealed record Key(string Builder) : TrustModel
    {
        public override string ToString() => RuleSyntax.Name(Builder);
    }

    /// <summary>At least <paramref name="Required"/> of the children hold. <c>all of</c> and <c>and</c> require all, <c>any of</c> and <c>or</c> one.</summary>
    public sealed record Threshold(int Required, IReadOnlyList<TrustModel> Children) : TrustModel
    {
        public override string ToString() => $"{Required} of ({string.Join(", ", Children)})";
    }

    /// <summary>Every vote inside <paramref name="Inner"/> counts only when the condition holds for it.</summary>
    public sealed record Where(TrustModel Inner, VoteCondition Condition) : TrustModel
    {
        public override string ToString() => $"{Inner} where {Condition}";
    }

    /// <summary>The builders that the rule names, in the order of its text.</summary>
    public IEnumerable<string> Builders() =>
        this switch
        {
            Key key => [key.Builder],
            Where where => where.Inner.Builders(),
            Threshold threshold => threshold.Children.SelectMany(child => child.Builders()),
            _ => throw new InvalidOperationException("unreachable: the hierarchy is closed"),
        };
}

/// <summary>What must be true of a vote for it to count.</summary>
public abstract record VoteCondition
{
    VoteCondition() { }

    /// <summary>The claim stands in a log of the builder; a signed cache's does not.</summary>
    public sealed record Logged : VoteCondition
    {
        public override string ToString() => "logged";
    }

    /// <summary>The claim stands in a log that its builder declares to hold only what its own machines executed.</summary>
    public sealed record Built : VoteCondition
    {
        public override string ToString() => "built";
    }

    /// <summary>This node first saw a head that covers the claim strictly before <paramref name="Instant"/>.</summary>
    public sealed record Before(DateTimeOffset Instant) : VoteCondition
    {
        public override string ToString() =>
            $"before(\"{Instant.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture)}\")";
    }

    /// <summary>The claim is one of the first <paramref name="Entries"/> entries of the named log (its index is smaller than that).</summary>
    public sealed record UntilIndex(string LogName, string LogId, ulong Entries) : VoteCondition
    {
        public override string ToString() => $"until_index({RuleSyntax.Name(LogName)}, {Entries})";
    }

    /// <summary>A tree that covers the claim is cosigned by at least <paramref name="Count"/> of the log's configured witnesses.</summary>
    public sealed record Witnessed(int Count) : VoteCondition
    {
        public override string ToString() => $"witnessed({Count})";
    }

    /// <summary>What we verified of the claim's log was known to be all of it not longer than <paramref name="Age"/> ago.</summary>
    public sealed record Fresh(TimeSpan Age) : VoteCondition
    {
        public override string ToString() => $"fresh(\"{RuleSyntax.Duration(Age)}\")";
    }
}

/// <summary>How names are written in a rule.</summary>
static class RuleSyntax
{
    /// <summary>Whole seconds in the largest unit that divides them.</summary>
    public static string Duration(TimeSpan duration)
    {
        var seconds = (long)duration.TotalSeconds;
        return seconds % 86400 == 0 ? $"{seconds / 86400}d"
            : seconds % 3600 == 0 ? $"{seconds / 3600}h"
            : seconds % 60 == 0 ? $"{seconds / 60}m"
            : $"{seconds}s";
    }

    /// <summary>A number without leading zeros and one of s, m, h, d; at most ten years and more than nothing.</summary>
    public static bool TryDuration(string text, out TimeSpan duration)
    {
        duration = default;
        var unit =
            text.Length > 1
                ? text[^1] switch
                {
                    's' => 1,
                    'm' => 60,
                    'h' => 3600,
                    'd' => 86400,
                    _ => 0,
                }
                : 0;
        if (
            unit == 0
            || text[0] == '0'
            || !int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var count)
            || (long)count * unit > 3650L * 86400
        )
        {
            return false;
        }
        duration = TimeSpan.FromSeconds((long)count * unit);
        return true;
    }

    public static bool IsKeyword(ReadOnlySpan<char> word) => word is "of" or "all" or "any" or "and" or "or" or "where";

    public static bool IsWordCharacter(char c) => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.';

    public static bool IsPlainName(string name) =>
        name.Length > 0 && !char.IsAsciiDigit(name[0]) && name.All(IsWordCharacter) && !IsKeyword(name);

    /// <summary>The name as it must be written in a rule: quoted where it is a keyword, begins with a digit or holds other characters.</summary>
    public static string Name(string name)
    {
        if (IsPlainName(name))
        {
            return name;
        }
        var quoted = new StringBuilder("\"");
        foreach (var c in name)
        {
            if (c is '"' or '\\')
            {
                quoted.Append('\\');
            }
            quoted.Append(c);
        }
        return quoted.Append('"').ToString();
    }
}
