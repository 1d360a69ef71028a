using System.Text;
using Quorate.Postgres;

namespace Quorate.Node.Configuration;

/// <summary>One screen that says what a configuration makes a node do; what <c>--check-config</c> prints.</summary>
static class ConfigurationSummary
{
    public static string Write(NodeConfiguration configuration)
    {
        var text = new StringBuilder();
        var node = configuration.Node;
        text.AppendLine($"{configuration.SourceFile}: good");
        text.AppendLine($"  state    {node.State}");
        text.AppendLine($"  listen   {(node.Listen.Count > 0 ? string.Join(", ", node.Listen) : "nothing public")}");
        text.AppendLine($"  control  {node.Control}");
        if (node.Tokens.Count > 0)
        {
            var tokens = node.Tokens.Select(t => t.Logs.Count > 0 ? $"{t.Name} ({string.Join(", ", t.Logs)})" : $"{t.Name} (all logs)");
            text.AppendLine($"  tokens   {string.Join(", ", tokens)}");
        }
        foreach (var publish in configuration.Publish)
        {
            text.AppendLine(
                $"  publish  {publish.Name}: {publish.Protocol}, builder {publish.Builder}, claims {Word(publish.Claims)}{(IsOpen(publish.Filter) ? ", no filter" : ", filtered")}{Kept(publish.Storage)}"
            );
        }
        foreach (var follow in configuration.Follow)
        {
            text.AppendLine(
                follow.Cache is { } cache
                    ? $"  follow   {follow.Name}: {follow.Protocol}, builder {follow.Builder}, signed cache {cache.Url}"
                    : $"  follow   {follow.Name}: {follow.Protocol}, builder {follow.Builder}, {Word(follow.Mode)} of {string.Join(", ", follow.Remotes.Select(r => r.OriginalString))}"
            );
        }
        foreach (var builder in configuration.Builders.Values)
        {
            text.AppendLine($"  builder  {builder.Name}: claim keys {string.Join(", ", builder.ClaimKeys.Select(k => k.Name))}");
        }
        foreach (var (protocol, model) in configuration.Trust)
        {
            text.AppendLine($"  trust    {protocol}: {model.Rule?.Text ?? $"{model.Engines.Count} engine(s), first match"}");
        }
        if (configuration.NixGate is { } gate)
        {
            text.AppendLine(
                $"  gate     nix: {gate.Listen.GetLeftPart(UriPartial.Authority)}, {Word(gate.Mode)}, upstreams {string.Join(", ", gate.Upstreams.Select(u => u.OriginalString).DefaultIfEmpty("none"))}"
            );
        }
        if (node.Tokens.Count > 0 && !node.AllowCleartextTokens && node.Listen.Any(IsOpenCleartext))
        {
            text.AppendLine("  note     write tokens are refused over http:// from other machines; use https:// or a tunnel");
        }
        return text.ToString();
    }

    static string Kept(StorageSection? storage) => storage is null ? "" : $", shared in {new PostgresSettings(storage.Connection)}";

    static bool IsOpen(PublishFilterSection filter) =>
        filter.Allow.Count + filter.Deny.Count + filter.DenyDeriver.Count + filter.DenyReferences.Count == 0;

    static bool IsOpenCleartext(string address) => ListenAddress.TryParse(address, out var parsed) && !parsed.Tls && !parsed.IsLoopback;

    static string Word<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();
}
