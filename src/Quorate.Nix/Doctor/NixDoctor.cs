using System.Globalization;

namespace Quorate.Nix.Doctor;

public enum FindingSeverity
{
    /// <summary>Checked and in order.</summary>
    Good,

    /// <summary>Does not bypass the gate, but will surprise.</summary>
    Advice,

    /// <summary>Opens a way around the gate for some users or in some situations.</summary>
    Warning,

    /// <summary>The gate does not protect this machine.</summary>
    Bypass,
}

/// <param name="Setting">The Nix setting that it is about.</param>
/// <param name="Explanation">What is so, and what follows from it.</param>
/// <param name="Fix">The nix.conf line or the action that changes it; empty when nothing is to be done.</param>
public sealed record NixFinding(FindingSeverity Severity, string Setting, string Explanation, string Fix);

/// <summary>Finds what, in Nix's own settings, lets store paths in that the gate did not accept.</summary>
public static class NixDoctor
{
    public const string DefaultSubstituter = "https://cache.nixos.org/";

    public const string DefaultPublicKey = "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=";

    /// <summary>A refusal that Nix remembers for longer than this outlives the reason for it.</summary>
    const int LongNegativeTtl = 300;

    const long SecondsPerDay = 24 * 60 * 60;

    /// <param name="gate">The gate's URL as this machine reaches it.</param>
    /// <param name="gateKey">The gate's public key, <c>name:base64</c>; null when it is not known here.</param>
    public static IReadOnlyList<NixFinding> Examine(NixSettings settings, Uri gate, string? gateKey) =>
        [
            .. settings.Problems.Select(problem => new NixFinding(
                FindingSeverity.Warning,
                "nix.conf",
                $"{problem}; what it sets is not known",
                "correct the file"
            )),
            .. Substituters(settings, gate),
            .. TrustedSubstituters(settings, gate),
            .. Keys(settings, gateKey),
            .. Signatures(settings),
            .. Users(settings),
            .. Substitution(settings),
            .. Builders(settings),
            .. Flakes(settings),
            .. Caching(settings),
        ];

    static IEnumerable<NixFinding> Substituters(NixSettings settings, Uri gate)
    {
        var stated = settings.TryGet("substituters", out _) ? settings.Words("substituters") : [DefaultSubstituter];
        var others = stated.Where(url => !IsGate(url, gate)).ToList();
        foreach (var other in others)
        {
            yield return new NixFinding(
                FindingSeverity.Bypass,
                "substituters",
                $"Nix also asks {other}, and takes what the gate refuses from there",
                $"substituters = {Text(gate)}"
            );
        }
        if (!stated.Any(url => IsGate(url, gate)))
        {
            yield return new NixFinding(
                FindingSeverity.Bypass,
                "substituters",
                $"Nix does not ask the gate at {Text(gate)}",
                $"substituters = {Text(gate)}"
            );
        }
        else if (others.Count == 0)
        {
            yield return Good("substituters", "the gate is the only substituter");
        }
        if (stated.Any(url => IsGate(url, gate) && url.Contains("trusted=", StringComparison.Ordinal)))
        {
            yield return new NixFinding(
                FindingSeverity.Bypass,
                "substituters",
                "the gate's URL carries trusted=…, which turns signature checks off for it",
                $"substituters = {Text(gate)}"
            );
        }
    }

    static IEnumerable<NixFinding> TrustedSubstituters(NixSettings settings, Uri gate) =>
        settings
            .Words("trusted-substituters")
            .Where(url => !IsGate(url, gate))
            .Select(url => new NixFinding(
                FindingSeverity.Warning,
                "trusted-substituters",
                $"every user may turn {url} on with --option substituters",
                "trusted-substituters ="
            ));

    static IEnumerable<NixFinding> Keys(NixSettings settings, string? gateKey)
    {
        var stated = settings.TryGet("trusted-public-keys", out _) ? settings.Words("trusted-public-keys") : [DefaultPublicKey];
        var others = stated.Where(key => gateKey is null || key != gateKey).ToList();
        if (gateKey is null)
        {
            if (stated.Contains(DefaultPublicKey, StringComparer.Ordinal))
            {
                yield return new NixFinding(
                    FindingSeverity.Bypass,
                    "trusted-public-keys",
                    "what cache.nixos.org signed is taken without the gate's consent, from whatever substituter or copy it comes",
                    "trusted-public-keys = <the content of the gate's public key file>"
                );
            }
            else if (stated.Count > 1)
            {
                yield return new NixFinding(
                    FindingSeverity.Warning,
                    "trusted-public-keys",
                    $"{stated.Count} keys are trusted ({string.Join(", ", stated.Select(KeyName))}); only the gate's should be",
                    "trusted-public-keys = <the content of the gate's public key file>"
                );
            }
            yield break;
        }
        foreach (var key in others)
        {
            yield return new NixFinding(
                FindingSeverity.Bypass,
                "trusted-public-keys",
                $"what {KeyName(key)} signed is taken without the gate's consent, from whatever substituter or copy it comes",
                $"trusted-public-keys = {gateKey}"
            );
        }
        if (!stated.Contains(gateKey, StringComparer.Ordinal))
        {
            yield return new NixFinding(
                FindingSeverity.Warning,
                "trusted-public-keys",
                "the gate's key is not trusted, so Nix refuses everything that the gate accepted",
                $"trusted-public-keys = {gateKey}"
            );
        }
        else if (others.Count == 0)
        {
            yield return Good("trusted-public-keys", "only the gate's key is trusted");
        }
    }

    static IEnumerable<NixFinding> Signatures(NixSettings settings)
    {
        yield return IsOff(settings, "require-sigs")
            ? new NixFinding(FindingSeverity.Bypass, "require-sigs", "Nix takes store paths without any signature", "require-sigs = true")
            : Good("require-sigs", "unsigned store paths are refused");
    }

    static IEnumerable<NixFinding> Users(NixSettings settings)
    {
        foreach (var user in settings.Words("trusted-users").Where(user => user != "root"))
        {
            yield return new NixFinding(
                user == "*" ? FindingSeverity.Bypass : FindingSeverity.Warning,
                "trusted-users",
                $"{(user == "*" ? "every user" : user)} may add substituters and keys, switch signatures off and import anything: as good as root",
                "trusted-users = root"
            );
        }
    }

    static IEnumerable<NixFinding> Substitution(NixSettings settings)
    {
        if (IsOff(settings, "substitute"))
        {
            yield return new NixFinding(
                FindingSeverity.Advice,
                "substitute",
                "substitution is off: Nix builds everything itself and the gate is never asked",
                "substitute = true"
            );
        }
        if (IsOn(settings, "fallback"))
        {
            yield return new NixFinding(
                FindingSeverity.Advice,
                "fallback",
                "Nix builds from source when a download fails, so a gate that is down is noticed late",
                "fallback = false"
            );
        }
        if (IsOn(settings, "always-allow-substitutes"))
        {
            yield return Good("always-allow-substitutes", "even small derivations are substituted, through the gate");
        }
    }

    static IEnumerable<NixFinding> Builders(NixSettings settings)
    {
        if (!settings.TryGet("builders", out var builders) || builders.Length == 0)
        {
            yield break;
        }
        var file = builders.StartsWith('@') ? builders[1..] : null;
        yield return new NixFinding(
            file is null ? FindingSeverity.Warning : FindingSeverity.Advice,
            "builders",
            file is null
                ? "results of remote builders enter the store as if built here, without asking the gate"
                : $"results of the machines that {file} lists, if it exists, enter the store as if built here, without asking the gate",
            "builders ="
        );
        if (IsOn(settings, "builders-use-substitutes"))
        {
            yield return new NixFinding(
                FindingSeverity.Warning,
                "builders-use-substitutes",
                "remote builders fetch inputs from their own substituters, which need not be gates",
                "builders-use-substitutes = false"
            );
        }
    }

    static IEnumerable<NixFinding> Flakes(NixSettings settings)
    {
        if (IsOn(settings, "accept-flake-config"))
        {
            yield return new NixFinding(
                FindingSeverity.Bypass,
                "accept-flake-config",
                "any flake may add substituters and keys of its own for trusted users",
                "accept-flake-config = false"
            );
        }
        // Seen with 2.8 to 2.34.8, and in the source of 2.35.2: a realisation from a substituter is taken without a look at its signature.
        if (settings.Words("experimental-features").Contains("ca-derivations", StringComparer.Ordinal))
        {
            yield return new NixFinding(
                FindingSeverity.Warning,
                "experimental-features",
                "ca-derivations is on: Nix up to 2.35.2 believes unsigned realisations from any substituter (the gate serves none)",
                "leave ca-derivations out of experimental-features unless the gate is the only substituter"
            );
        }
    }

    static IEnumerable<NixFinding> Caching(NixSettings settings)
    {
        var negative = Seconds(settings, "narinfo-cache-negative-ttl", 3600);
        yield return negative > LongNegativeTtl
            ? new NixFinding(
                FindingSeverity.Advice,
                "narinfo-cache-negative-ttl",
                $"Nix remembers a refusal for {negative} s, even after the missing vote has arrived",
                "narinfo-cache-negative-ttl = 60"
            )
            : Good("narinfo-cache-negative-ttl", $"a refusal is remembered for {negative} s");
        var positive = Seconds(settings, "narinfo-cache-positive-ttl", 30 * SecondsPerDay);
        if (positive > SecondsPerDay)
        {
            yield return new NixFinding(
                FindingSeverity.Advice,
                "narinfo-cache-positive-ttl",
                $"Nix remembers an accepted path for {positive / SecondsPerDay} days and may fetch it after your trust model has changed",
                "narinfo-cache-positive-ttl = 3600"
            );
        }
    }

    /// <param name="fallback">Nix's own default, in force where the setting is absent.</param>
    static long Seconds(NixSettings settings, string name, long fallback) =>
        settings.TryGet(name, out var text) && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? seconds
            : fallback;

    static bool IsOn(NixSettings settings, string name) => settings.TryGet(name, out var stated) && stated is "true" or "yes" or "1";

    static bool IsOff(NixSettings settings, string name) => settings.TryGet(name, out var stated) && stated is "false" or "no" or "0";

    static NixFinding Good(string setting, string explanation) => new(FindingSeverity.Good, setting, explanation, "");

    static string KeyName(string key) => key.Split(':', 2)[0];

    static string Text(Uri gate) => gate.AbsoluteUri.TrimEnd('/');

    /// <summary>Same scheme, host, port and path. Nix puts parameters such as <c>?priority=</c> behind a store's URL.</summary>
    static bool IsGate(string url, Uri gate) =>
        Uri.TryCreate(url, UriKind.Absolute, out var other)
        && other.GetLeftPart(UriPartial.Path).TrimEnd('/') == gate.GetLeftPart(UriPartial.Path).TrimEnd('/');
}
