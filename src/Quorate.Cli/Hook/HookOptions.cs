using Quorate.Nix.Store;

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
        var paths = new List<string>();
        var (dryRun, json) = (false, false);
        options = new HookOptions { Spool = "", NixStore = "" };
        for (var i = 0; i < arguments.Count; i++)
        {
            var (name, inline) = Split(arguments[i]);
            if (name == "--dry-run")
            {
                dryRun = true;
            }
            else if (name == "--json")
            {
                json = true;
            }
            else if (!name.StartsWith("--", StringComparison.Ordinal))
            {
                paths.Add(arguments[i]);
            }
            else if (
                name
                is not ("--node" or "--log" or "--claim-key" or "--trace-log" or "--spool" or "--nix-store" or "--store" or "--store-dir")
            )
            {
                error = $"unknown option {name}";
                return false;
            }
            else if (inline is null && ++i >= arguments.Count)
            {
                error = $"{name} needs a value";
                return false;
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
        options = new HookOptions
        {
            ClaimKey = values.GetValueOrDefault("--claim-key"),
            TraceLog = values.GetValueOrDefault("--trace-log"),
            Node = values.GetValueOrDefault("--node"),
            Log = values.GetValueOrDefault("--log"),
            Spool = values.GetValueOrDefault("--spool") ?? DefaultSpool(environment),
            NixStore = values.GetValueOrDefault("--nix-store") ?? NixPrograms.Find("nix-store", environment) ?? "nix-store",
            Store = values.GetValueOrDefault("--store"),
            StoreDir = values.GetValueOrDefault("--store-dir"),
            DryRun = dryRun,
            Json = json,
            Paths = paths,
        };
        return true;
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
