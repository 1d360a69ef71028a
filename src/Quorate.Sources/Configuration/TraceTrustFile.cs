using System.Text;
using System.Text.RegularExpressions;
using Quorate.Core;
using Quorate.Core.Json;
using Quorate.Crypto.Keys;
using Quorate.Crypto.Notes;
using Quorate.Log;
using Quorate.Nix.Store;
using Quorate.Nix.Verification;
using Quorate.Trust;
using Quorate.Trust.Rules;

namespace Quorate.Sources.Configuration;

/// <summary>
/// Reads the trust model of a verifier from a file: our rules as YAML, laut's JSON, or a Nix expression that evaluates to laut's JSON. The
/// content tells which; the name of the file means nothing.
/// </summary>
public static partial class TraceTrustFile
{
    public const int MaxBytes = 1 << 20;

    /// <param name="evaluate">Evaluates a Nix file to JSON; see <see cref="EvaluateAsync"/>.</param>
    /// <exception cref="FormatException">The file is not a usable model, with the reason.</exception>
    /// <exception cref="ConfigurationException">The same for YAML, with every place.</exception>
    public static async Task<TraceTrust> ReadAsync(
        string path,
        Func<string, CancellationToken, Task<byte[]>> evaluate,
        CancellationToken cancellationToken
    )
    {
        if (new FileInfo(path) is { Exists: true, Length: > MaxBytes })
        {
            throw new MalformedException($"{path} is larger than a trust model may be ({MaxBytes} bytes)");
        }
        var bytes = await File.ReadAllBytesAsync(path, cancellationToken);
        return KindOf(bytes) switch
        {
            Kind.Json => Named(path, () => LautTrustFile.Parse(bytes)),
            Kind.Rules => Parse(Encoding.UTF8.GetString(bytes), path),
            _ => await evaluate(path, cancellationToken) is var json ? Named(path, () => LautTrustFile.Parse(json)) : null!,
        };
    }

    internal enum Kind
    {
        Json,
        Rules,
        Nix,
    }

    internal static Kind KindOf(ReadOnlyMemory<byte> bytes)
    {
        if (StrictJson.TryParse(bytes, out var document, out _))
        {
            using (document)
            {
                // A file of rules may be written as JSON, which is YAML too.
                return document.RootElement.TryMember("rule"u8, out _) ? Kind.Rules : Kind.Json;
            }
        }
        var text = Encoding.UTF8.GetString(bytes.Span);
        return RuleKey().IsMatch(text) ? Kind.Rules
            : JsonObject().IsMatch(text) ? Kind.Json
            : Kind.Nix;
    }

    /// <summary>JSON with a mistake in it: no Nix expression begins like this.</summary>
    [GeneratedRegex("""^\s*\{\s*"[^"]*"\s*:""", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex JsonObject();

    [GeneratedRegex(
        """^\s*(\{\s*)?"?(rule|builders)"?\s*:(\s|$)""",
        RegexOptions.Multiline | RegexOptions.CultureInvariant,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex RuleKey();

    /// <summary>
    /// <c>nix-instantiate --eval --json --strict</c>, restricted: the expression sees its own directory and no other file, may not fetch, and may
    /// not build. A trust model that needs the network could be changed by whoever answers.
    /// </summary>
    /// <exception cref="NixStoreException">It does not evaluate.</exception>
    public static async Task<byte[]> EvaluateAsync(string program, string path, CancellationToken cancellationToken)
    {
        var full = Path.GetFullPath(path);
        string[] arguments =
        [
            "--eval",
            "--json",
            "--strict",
            "--readonly-mode",
            "--option",
            "restrict-eval",
            "true",
            "--option",
            "allowed-uris",
            "",
            "--option",
            "allow-import-from-derivation",
            "false",
            "-I",
            Path.GetDirectoryName(full)!,
            full,
        ];
        return Encoding.UTF8.GetBytes(await new NixStore(program, store: "dummy://").RunAsync(arguments, cancellationToken));
    }

    /// <summary>Rules: <c>rule:</c> in the language of trust models, and <c>builders:</c> with the keys of each.</summary>
    /// <exception cref="ConfigurationException"/>
    internal static TraceTrust Parse(string text, string file)
    {
        var errors = new ErrorList(file);
        var root = YamlReader.Read(text, errors) is { } node ? Section.From(node, errors) : null;
        var keys = new Dictionary<string, TraceBuilderKeys>(StringComparer.Ordinal);
        var sources = new List<BuilderSource>();
        var rule = root?.RequireScalar("rule");
        var witnesses = root?.Child("witnesses") is { } named ? Witnesses(named) : [];
        if (root?.Require("builders") is { } builders && Section.From(builders, errors) is { } section)
        {
            foreach (var entry in section.Map.Entries)
            {
                if (section.Child(entry.Key.Text) is { } builder)
                {
                    keys[entry.Key.Text] = Builder(builder, entry.Key.Text, witnesses, sources);
                }
            }
        }
        root?.Finish();
        TraceTrust? trust = null;
        if (rule is not null && errors.IsEmpty)
        {
            if (
                !TrustRule.TryParse(
                    rule.Text,
                    new RuleContext("nix-trace", sources, []),
                    contestedByMajority: false,
                    out var parsed,
                    out var error
                )
            )
            {
                errors.Add(rule, $"{error.Column}: {error.Message}\n{error.Excerpt}");
            }
            else
            {
                try
                {
                    trust = TraceTrust.Create(parsed.Model, keys);
                }
                catch (MalformedException e)
                {
                    errors.Add(rule, e.Message);
                }
            }
        }
        return errors.IsEmpty && trust is not null ? trust : throw errors.ToException();
    }

    static TraceBuilderKeys Builder(Section section, string name, Dictionary<string, NoteVerifierKey> named, List<BuilderSource> sources)
    {
        const string KeyForm = "a public key: name:base64 of 32 bytes";
        var claim = section.ListOf<NixCachePublicKey>("keys", TryKey, KeyForm);
        var legacy = section.ListOf<NixCachePublicKey>("legacy_keys", TryKey, KeyForm);
        var nix = section.ListOf<NixCachePublicKey>("nix_keys", TryKey, KeyForm);
        var log = section.Value<LogId?>("log", null, TryLog, "a log ID: 64 hexadecimal digits")?.ToString();
        var witnesses = section.Child("witnesses") is { } policy ? Quorum(policy, named) : null;
        section.Finish();
        if (claim.Count + nix.Count + legacy.Count == 0)
        {
            section.Errors.Add(
                section.Map,
                "give 'keys' (or 'nix_keys', with which the builder's Nix signs, or 'legacy_keys' for a binary cache whose own choice of inputs you believe)"
            );
        }
        sources.Add(
            new BuilderSource(
                name,
                name,
                log,
                log is null ? ClaimOrigin.SignedCache : ClaimOrigin.LoggedBuilt,
                witnesses?.Witnesses.Count ?? 0
            )
        );
        return new TraceBuilderKeys(claim, legacy)
        {
            LogId = log,
            Witnesses = witnesses,
            NixKeys = nix,
        };
    }

    static bool TryKey(string text, out NixCachePublicKey key) => NixCachePublicKey.TryParse(text, out key!);

    static bool TryLog(string text, out LogId? log)
    {
        log = LogId.TryParse(text, out var parsed) ? parsed : null;
        return log is not null;
    }

    static TraceTrust Named(string path, Func<TraceTrust> parse)
    {
        try
        {
            return parse();
        }
        catch (MalformedException e)
        {
            throw new MalformedException($"{path}: {e.Message}", e);
        }
    }
}
