using Quorate.Core;
using Quorate.Nix.Verification;
using Quorate.Sources.Configuration;

namespace Quorate.Fuzz.Targets;

/// <summary>A trust model that is accepted believes nobody for nothing, and everybody for everything.</summary>
sealed class TraceTrustTarget : IFuzzTarget
{
    const string Key = "a:6kpsY+Kcugr1UHsTLsX5lUd2rr6/e5JCHupBRG0iwyw=";

    public string Name => "trace-trust";

    public IEnumerable<byte[]> Seeds
    {
        get
        {
            yield return System.Text.Encoding.ASCII.GetBytes($$"""{"threshold":1,"of":[{"key_legacy":"{{Key}}"}]}""");
            yield return System.Text.Encoding.ASCII.GetBytes($$"""{"key":"{{Key}}"}""");
            yield return System.Text.Encoding.ASCII.GetBytes($"rule: a\nbuilders:\n  a: {{ nix_keys: [\"{Key}\"] }}\n");
            yield return System.Text.Encoding.ASCII.GetBytes($"rule: a or b\nbuilders:\n  a: {{ keys: [\"{Key}\"] }}\n");
        }
    }

    public void Run(ReadOnlySpan<byte> input)
    {
        try
        {
            Check(LautTrustFile.Parse(input.ToArray()));
        }
        catch (MalformedException)
        {
            // Also read as rules.
        }
        try
        {
            Check(TraceTrustFile.Parse(System.Text.Encoding.UTF8.GetString(input), "fuzz"));
        }
        catch (ConfigurationException)
        {
            return;
        }
    }

    static void Check(TraceTrust trust)
    {
        if (trust.Model.Holds(0) || !trust.Model.Holds(trust.Model.Builders))
        {
            throw new InvalidOperationException("the model is no quorum");
        }
    }
}
