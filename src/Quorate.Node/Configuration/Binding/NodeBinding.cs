using Quorate.Sources.Configuration;

namespace Quorate.Node.Configuration.Binding;

/// <summary><c>node:</c></summary>
static class NodeBinding
{
    public static NodeSection? Bind(Section section, BindingContext context)
    {
        var errors = section.Errors;
        var defaults = new NodeSection { State = "/", Control = "" };
        var state = section.RequireScalar("state") is { } s ? context.FullPath(s.Text) : null;
        var tls = section.Child("tls") is { } tlsSection ? Tls(tlsSection, context) : null;
        var listen = Listen(section, context, tls is not null);
        var control = Control(section, context, state);
        var node = new NodeSection
        {
            State = state ?? "/",
            Listen = listen,
            Control = control ?? "",
            Tokens = [.. section.List("tokens").Select(t => Token(t, section)).OfType<TokenSection>()],
            AllowCleartextTokens = section.Value("allow_cleartext_tokens", false, Scalars.Boolean, Scalars.BooleanForm),
            PublicUrl = section.Value<Uri?>("public_url", null, Scalars.Url!, Scalars.UrlForm)?.ToString(),
            Tls = tls,
            History = section.Child("history") is { } history ? History(history) : new HistorySection(),
            SignedState = SignedState(section, context, state),
            Scrub = Scrub(section, defaults.Scrub),
            MaxBody = Positive(section, "max_body", defaults.MaxBody, 1 << 10, 1L << 30),
            MaxValue = Positive(section, "max_value", defaults.MaxValue, 1, 1L << 30),
            MaxEntriesPerCall = Whole(section, "max_entries_per_call", defaults.MaxEntriesPerCall, 1, 1_000_000),
            MaxConcurrentRequests = Whole(section, "max_concurrent_requests", defaults.MaxConcurrentRequests, 1, 65_536),
            RequestTimeout = Duration(section, "request_timeout", defaults.RequestTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)),
            Storage = StorageBinding.Bind(section, context, null),
            Webhook = section.Value<Uri?>("webhook", null, Scalars.Webhook!, Scalars.UrlForm),
        };
        context.Storage = node.Storage;
        section.Finish();
        context.TokensPlace = section.Find("tokens")?.Place;
        foreach (var group in node.Tokens.GroupBy(t => t.Name, StringComparer.Ordinal).Where(g => g.Count() > 1))
        {
            errors.Add(section.Find("tokens")!, $"two tokens are named '{group.Key}'");
        }
        foreach (
            var group in node.Tokens.GroupBy(t => t.Key).Where(g => g.Select(t => t.Name).Distinct(StringComparer.Ordinal).Count() > 1)
        )
        {
            errors.Add(section.Find("tokens")!, $"the tokens {string.Join(" and ", group.Select(t => $"'{t.Name}'"))} have the same key");
        }
        return state is null || control is null ? null : node;
    }

    static List<string> Listen(Section section, BindingContext context, bool hasTls)
    {
        var addresses = new List<string>();
        foreach (var item in section.List("listen"))
        {
            if (section.AsScalar(item) is not { } scalar || !TryAddress(section, scalar, context, out var address))
            {
                continue;
            }
            if (address.Tls && !hasTls && !section.Has("tls"))
            {
                section.Errors.Add(scalar, "https needs node.tls with 'certificate' and 'key'");
            }
            var text = address.ToString();
            if (address.EndPoint?.Port != 0 && addresses.Contains(text))
            {
                section.Errors.Add(scalar, "this address is already in the list");
                continue;
            }
            addresses.Add(text);
        }
        return addresses;
    }

    /// <summary>The control listener knows no users: whoever reaches it may submit. So a socket with file permissions, or loopback.</summary>
    static string? Control(Section section, BindingContext context, string? state)
    {
        if (section.Scalar("control") is not { } scalar)
        {
            if (state is null || section.Has("control"))
            {
                return null;
            }
            var path = Path.Combine(state, "control.socket");
            if (path.Length <= ListenAddress.LongestSocketPath)
            {
                return $"unix://{path}";
            }
            section.Errors.Add(section.Map, $"the default control socket {path} has too long a path; set node.control to a shorter one");
            return null;
        }
        if (!TryAddress(section, scalar, context, out var address))
        {
            return null;
        }
        if (!address.IsLoopback)
        {
            section.Errors.Add(scalar, "the control listener must be a unix socket or a loopback address: whoever reaches it may submit");
        }
        if (address.Tls)
        {
            section.Errors.Add(scalar, "the control listener does not speak https; use unix:///PATH or http://127.0.0.1:PORT");
        }
        return address.ToString();
    }

    /// <summary>What remembers signatures must not go back in time together with the logs.</summary>
    static string? SignedState(Section section, BindingContext context, string? state)
    {
        if (section.Scalar("signed_state") is not { } scalar)
        {
            return null;
        }
        var path = context.FullPath(scalar.Text);
        if (state is not null && (path + '/').StartsWith(state.TrimEnd('/') + '/', StringComparison.Ordinal))
        {
            section.Errors.Add(scalar, "must lie outside of node.state: restored together with the logs it would remember nothing");
        }
        return path;
    }

    static TimeSpan Scrub(Section section, TimeSpan fallback) =>
        section.Scalar("scrub")?.Text == "0"
            ? TimeSpan.Zero
            : Duration(section, "scrub", fallback, TimeSpan.FromMinutes(1), TimeSpan.FromDays(3650));

    public static bool TryAddress(Section section, YamlScalar scalar, BindingContext context, out ListenAddress address)
    {
        var text = scalar.Text;
        // unix:control.socket and unix://./x are ways to write a path relative to the file.
        if (text.StartsWith("unix:", StringComparison.Ordinal) && !text.StartsWith("unix:///", StringComparison.Ordinal))
        {
            var relative = text["unix:".Length..].TrimStart('/');
            text =
                relative.Length > 0 && !relative.Contains('\0', StringComparison.Ordinal) ? $"unix://{context.FullPath(relative)}" : text;
        }
        if (!ListenAddress.TryParse(text, out var parsed))
        {
            section.Errors.Add(scalar, $"expected {ListenAddress.Form}, not '{Section.Shown(scalar.Text)}'");
            address = null!;
            return false;
        }
        address = parsed;
        if (System.Text.Encoding.UTF8.GetByteCount(address.SocketPath ?? "") > ListenAddress.LongestSocketPath)
        {
            section.Errors.Add(scalar, $"a socket's path may have {ListenAddress.LongestSocketPath} bytes; this one is longer");
            return false;
        }
        return true;
    }

    static TokenSection? Token(YamlNode node, Section parent)
    {
        const string form = "a token's public part 'name:base64', or { token: 'name:base64', logs: [..] }";
        if (node is YamlScalar plain)
        {
            return
                parent.AsScalar(plain) is { } scalar
                && parent.TryRead<(string Name, Crypto.Ed25519PublicKey Key)>(scalar, Scalars.NamedKey, form, out var token)
                ? new TokenSection(token.Name, token.Key, [])
                : null;
        }
        if (Section.From(node, parent.Errors) is not { } section)
        {
            return null;
        }
        var key = section.RequireScalar("token");
        var logs = section.ListOf<string>("logs", Scalars.Name, Scalars.NameForm);
        if (section.Has("logs") && logs.Count == 0)
        {
            // An empty list could be read as "none" or as "all"; a write permission must not be guessed.
            section.Errors.Add(section.Map, "'logs' is empty; name the logs, or remove 'logs' to allow all");
        }
        section.Finish();
        return
            key is not null
            && section.TryRead<(string Name, Crypto.Ed25519PublicKey Key)>(key, Scalars.NamedKey, "'name:base64'", out var named)
            ? new TokenSection(named.Name, named.Key, logs)
            : null;
    }

    static TlsSection? Tls(Section section, BindingContext context)
    {
        var certificate = section.RequireScalar("certificate");
        var key = section.RequireScalar("key");
        section.Finish();
        return certificate is null || key is null ? null : new TlsSection(context.FullPath(certificate.Text), context.FullPath(key.Text));
    }

    static HistorySection History(Section section)
    {
        var defaults = new HistorySection();
        var history = new HistorySection(
            Duration(section, "age", defaults.Age, TimeSpan.Zero, TimeSpan.FromDays(3650)),
            Whole(section, "heads", defaults.Heads, 1, int.MaxValue)
        );
        section.Finish();
        return history;
    }

    public static int Whole(Section section, string key, int fallback, int least, int most)
    {
        if (section.Scalar(key) is not { } scalar || !section.TryRead<ulong>(scalar, Scalars.Count, Scalars.CountForm, out var value))
        {
            return fallback;
        }
        if (value >= (ulong)least && value <= (ulong)most)
        {
            return (int)value;
        }
        section.Errors.Add(scalar, $"must be between {least} and {most}");
        return fallback;
    }

    public static long Positive(Section section, string key, long fallback, long least, long most)
    {
        if (section.Scalar(key) is not { } scalar || !section.TryRead<long>(scalar, Scalars.Size, Scalars.SizeForm, out var value))
        {
            return fallback;
        }
        if (value >= least && value <= most)
        {
            return value;
        }
        section.Errors.Add(scalar, $"must be between {least} and {most} bytes");
        return fallback;
    }

    public static TimeSpan Duration(Section section, string key, TimeSpan fallback, TimeSpan least, TimeSpan most)
    {
        if (
            section.Scalar(key) is not { } scalar
            || !section.TryRead<TimeSpan>(scalar, Scalars.Duration, Scalars.DurationForm, out var value)
        )
        {
            return fallback;
        }
        if (value >= least && value <= most)
        {
            return value;
        }
        section.Errors.Add(scalar, $"must be between {least.TotalSeconds:0}s and {most.TotalSeconds:0}s");
        return fallback;
    }
}
