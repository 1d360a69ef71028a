using System.CommandLine;
using System.Security.Cryptography;
using Quorate.Core;
using Quorate.Nix.Traces;
using Quorate.Sources.Views;

namespace Quorate.Cli.Signing;

/// <summary>The options that say how claims are written and what is in them: those of <c>nix sign</c>, and those that a hook keeps for all its builds.</summary>
sealed class ClaimFormOptions
{
    readonly Option<string> _format = new(ClaimFormText.Format)
    {
        Description = "How claims are written: bundle, jws2 or jws3",
        HelpName = "FORMAT",
        DefaultValueFactory = _ => "bundle",
    };
    readonly Option<bool> _inputAddressed = new(ClaimFormText.InputAddressed)
    {
        Description = "Sign the content-addressed view of input-addressed builds (bundle and jws3)",
    };
    readonly Option<string?> _viewCache = new(ClaimFormText.ViewCache)
    {
        Description = "Where views of inputs are kept between runs, or none (default: below the user's, or root's, cache)",
        HelpName = "DIR",
    };
    readonly Option<bool> _dependencies = new(ClaimFormText.Dependencies) { Description = "List the inputs in the claim (bundles only)" };
    readonly Option<bool> _preimage = new(ClaimFormText.Preimage)
    {
        Description = "Put the resolved derivation's text into the claim, for debugging; it tells everything about the build",
    };
    readonly Option<string?> _software = new(ClaimFormText.Software)
    {
        Description = "Reference to this builder's own software: a flake reference or URL (bundles only)",
        HelpName = "URI",
    };
    readonly Option<string[]> _softwareDigest = new(ClaimFormText.SoftwareDigest)
    {
        Description = "Its digest, as SCHEME=VALUE (nix-nar-sha256=…, gitCommit=…); repeatable",
        HelpName = "DIGEST",
    };
    readonly Option<bool> _relayed = new("--relayed") { Description = "Say that this machine did not execute the builds (bundles only)" };
    readonly Option<string[]> _metadata = new("--metadata")
    {
        Description = "Pin a file that is kept elsewhere by its SHA-256, and say where (bundles only); repeatable",
        HelpName = "FILE[,URI]",
    };

    public ClaimFormOptions() => _format.AcceptOnlyFromAmong("bundle", "jws2", "jws3");

    /// <summary>What may be said of all builds of a hook.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_format, _inputAddressed, _viewCache, _dependencies, _preimage, _software, _softwareDigest])
        {
            command.Add(option);
        }
    }

    /// <summary>What is said of builds that are named.</summary>
    public void AddAllTo(Command command)
    {
        AddTo(command);
        command.Add(_relayed);
        command.Add(_metadata);
    }

    /// <exception cref="CliException">The options contradict each other.</exception>
    public async Task<ClaimForm> ReadAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        ClaimFormText.TryFormat(parse.GetValue(_format) ?? "bundle", out var format);
        var metadata = new List<TraceResource>();
        foreach (var text in parse.GetValue(_metadata) ?? [])
        {
            metadata.Add(await PinnedAsync(text, cancellationToken));
        }
        var form = new ClaimForm
        {
            Format = format,
            InputAddressed = parse.GetValue(_inputAddressed),
            Built = !parse.GetValue(_relayed),
            WithDependencies = parse.GetValue(_dependencies),
            WithPreimage = parse.GetValue(_preimage),
            Software = ClaimFormText.TrySoftware(
                parse.GetValue(_software),
                parse.GetValue(_softwareDigest) ?? [],
                out var software,
                out var error
            )
                ? software
                : throw new CliException(error),
            Metadata = metadata,
        };
        return form.Contradiction is { } contradiction ? throw new CliException(contradiction) : form;
    }

    /// <summary>The directory that is meant; null for none.</summary>
    public string? ViewCacheOf(ParseResult parse, Func<string, string?> environment) =>
        parse.GetValue(_viewCache) switch
        {
            ClaimFormText.NoCache => null,
            { } named => Path.GetFullPath(named),
            _ => ClaimFormText.DefaultViewCache(environment),
        };

    /// <summary>The same options as the hook reads them, to be written into its wrapper; values of null are flags.</summary>
    public IEnumerable<KeyValuePair<string, string?>> Words(ParseResult parse, ClaimForm form, Func<string, string?> environment)
    {
        if (form.Format != TraceFormat.Bundle)
        {
            yield return new(ClaimFormText.Format, parse.GetValue(_format));
        }
        if (form.InputAddressed)
        {
            yield return new(ClaimFormText.InputAddressed, null);
            yield return new(ClaimFormText.ViewCache, ViewCacheOf(parse, environment) ?? ClaimFormText.NoCache);
        }
        if (form.WithDependencies)
        {
            yield return new(ClaimFormText.Dependencies, null);
        }
        if (form.WithPreimage)
        {
            yield return new(ClaimFormText.Preimage, null);
        }
        if (form.Software is { } software)
        {
            yield return new(ClaimFormText.Software, software.Uri);
            foreach (var (scheme, value) in software.Digests)
            {
                yield return new(ClaimFormText.SoftwareDigest, $"{scheme}={value}");
            }
        }
    }

    /// <summary>Opens the cache of views; null where there is none, or it cannot be used, which costs time only and is told.</summary>
    public static async Task<ViewCache?> OpenViewsAsync(CliHost host, ClaimForm form, string? directory)
    {
        if (!form.InputAddressed || directory is null)
        {
            return null;
        }
        try
        {
            return ViewCache.Open(directory, host.Clock);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            await host.Error.WriteLineAsync($"quorate: views are not kept: {e.Message.Split('\n')[0]}");
            return null;
        }
    }

    static async Task<TraceResource> PinnedAsync(string text, CancellationToken cancellationToken)
    {
        var comma = text.IndexOf(',', StringComparison.Ordinal);
        var (file, uri) = comma < 0 ? (text, null) : (text[..comma], text[(comma + 1)..]);
        if (file.Length == 0 || uri is { Length: 0 })
        {
            throw new CliException($"--metadata '{text}': not FILE or FILE,URI");
        }
        await using var content = File.OpenRead(file);
        var digest = new Sha256Digest(await SHA256.HashDataAsync(content, cancellationToken));
        return new TraceResource(
            Name: null,
            uri,
            new SortedDictionary<string, string>(StringComparer.Ordinal) { ["sha256"] = digest.ToString() }
        );
    }
}
