using Quorate.Cli.Signing;
using Quorate.Nix.Store;
using Quorate.Nix.Traces;

namespace Quorate.Cli.Hook;

/// <summary>What the installed wrapper tells <c>quorate nix hook run</c>. Parsed by hand: this path must not load a command-line library.</summary>
sealed record HookOptions
{
    public string? Node { get; init; }

    /// <summary>Name or id; null: the node's only log of built <c>nix</c> claims.</summary>
    public string? Log { get; init; }

    /// <summary>File of the key that signs build traces; null: none are signed.</summary>
    public string? ClaimKey { get; init; }

    /// <summary>Name or id of the log of protocol <c>nix-trace</c>; not null where <see cref="ClaimKey"/> is not.</summary>
    public string? TraceLog { get; init; }

    /// <summary>How build traces are written, and of which builds.</summary>
    public ClaimForm Claims { get; init; } = ClaimForm.Default;

    /// <summary>Where views of inputs are kept between runs; null: nowhere.</summary>
    public string? ViewCache { get; init; }

    public required string Spool { get; init; }

    public required string NixStore { get; init; }

    public string? Store { get; init; }

    public string? StoreDir { get; init; }

    public bool DryRun { get; init; }

    /// <summary>What became of it is printed as JSON.</summary>
    public bool Json { get; init; }

    /// <summary>Paths named on the command line instead of in <c>$OUT_PATHS</c>.</summary>
    public IReadOnlyList<string> Paths { get; init; } = [];

    public static bool TryParse(
        IReadOnlyList<string> arguments,
        Func<string, string?> environment,
        out HookOptions options,
        out string error
    )
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        var flags = new HashSet<string>(StringComparer.Ordinal);
        var (paths, digests) = (new List<string>(), new List<string>());
        options = new HookOptions { Spool = "", NixStore = "" };
        for (var i = 0; i < arguments.Count; i++)
        {
            var (name, inline) = Split(arguments[i]);
            if (s_flags.Contains(name))
            {
                flags.Add(name);
            }
            else if (!name.StartsWith("--", StringComparison.Ordinal))
            {
                paths.Add(arguments[i]);
            }
            else if (!s_values.Contains(name))
            {
                error = $"unknown option {name}";
                return false;
            }
            else if (inline is null && ++i >= arguments.Count)
            {
                error = $"{name} needs a value";
                return false;
            }
            else if (name == ClaimFormText.SoftwareDigest)
            {
                digests.Add(inline ?? arguments[i]);
            }
            else
            {
                values[name] = inline ?? arguments[i];
            }
        }
        error = "";
        if (values.ContainsKey("--claim-key") != values.ContainsKey("--trace-log"))
        {
            error = "--claim-key and --trace-log go together";
            return false;
        }
        if (!TryForm(values, flags, digests, out var claims, out error))
        {
            return false;
        }
        options = new HookOptions
        {
            ClaimKey = values.GetValueOrDefault("--claim-key"),
            TraceLog = values.GetValueOrDefault("--trace-log"),
            Claims = claims,
            ViewCache = !claims.InputAddressed
                ? null
                : values.GetValueOrDefault(ClaimFormText.ViewCache, ClaimFormText.DefaultViewCache(environment)) switch
                {
                    ClaimFormText.NoCache => null,
                    var named => named,
                },
            Node = values.GetValueOrDefault("--node"),
            Log = values.GetValueOrDefault("--log"),
            Spool = values.GetValueOrDefault("--spool") ?? DefaultSpool(environment),
            NixStore = values.GetValueOrDefault("--nix-store") ?? NixPrograms.Find("nix-store", environment) ?? "nix-store",
            Store = values.GetValueOrDefault("--store"),
            StoreDir = values.GetValueOrDefault("--store-dir"),
            DryRun = flags.Contains("--dry-run"),
            Json = flags.Contains("--json"),
            Paths = paths,
        };
        return true;
    }

    static readonly string[] s_flags =
    [
        "--dry-run",
        "--json",
        ClaimFormText.InputAddressed,
        ClaimFormText.Dependencies,
        ClaimFormText.Preimage,
    ];

    static readonly string[] s_values =
    [
        "--node",
        "--log",
        "--claim-key",
        "--trace-log",
        "--spool",
        "--nix-store",
        "--store",
        "--store-dir",
        ClaimFormText.Format,
        ClaimFormText.ViewCache,
        ClaimFormText.Software,
        ClaimFormText.SoftwareDigest,
    ];

    static bool TryForm(
        Dictionary<string, string> values,
        HashSet<string> flags,
        List<string> digests,
        out ClaimForm form,
        out string error
    )
    {
        form = ClaimForm.Default;
        var name = values.GetValueOrDefault(ClaimFormText.Format, "bundle");
        if (!ClaimFormText.TryFormat(name, out var format))
        {
            error = $"{ClaimFormText.Format} {name}: neither bundle, jws2 nor jws3";
            return false;
        }
        if (!ClaimFormText.TrySoftware(values.GetValueOrDefault(ClaimFormText.Software), digests, out var software, out error))
        {
            return false;
        }
        form = new ClaimForm
        {
            Format = format,
            InputAddressed = flags.Contains(ClaimFormText.InputAddressed),
            WithDependencies = flags.Contains(ClaimFormText.Dependencies),
            WithPreimage = flags.Contains(ClaimFormText.Preimage),
            Software = software,
        };
        error = form.Contradiction ?? "";
        return error.Length == 0;
    }

    /// <summary>The spool that a node with the default state directory looks after.</summary>
    public static string DefaultSpool(Func<string, string?> environment) => Path.Combine(DefaultState(environment), "spool");

    /// <summary><c>/var/lib/quorate</c> for root, else <c>$XDG_STATE_HOME/quorate</c>.</summary>
    public static string DefaultState(Func<string, string?> environment)
    {
        if (Environment.IsPrivilegedProcess)
        {
            return "/var/lib/quorate";
        }
        var home = environment("XDG_STATE_HOME") is { Length: > 0 } state
            ? state
            : Path.Combine(environment("HOME") ?? "/", ".local", "state");
        return Path.Combine(home, "quorate");
    }

    static (string Name, string? Value) Split(string argument)
    {
        var equals = argument.StartsWith("--", StringComparison.Ordinal) ? argument.IndexOf('=', StringComparison.Ordinal) : -1;
        return equals < 0 ? (argument, null) : (argument[..equals], argument[(equals + 1)..]);
    }
}
