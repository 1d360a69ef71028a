using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Quorate.Core.Encodings;
using Quorate.Nix;
using Quorate.Nix.Publishing;
using Quorate.Sources.Control;

namespace Quorate.Sources.Spool;

/// <summary>
/// What a hook may publish or keep: the filter that was given when it was installed, and that of its log as the node last stated it. Both hold.
/// They are kept in the spool, which is private and can be written (<c>/etc</c> often cannot), one pair for each log that hooks name. Where neither
/// is known nothing may be published, nor kept for later.
/// </summary>
public sealed class HookFilter
{
    readonly PublishFilter? _given;
    readonly bool _unreadable;
    readonly PublishFilter[] _filters;

    HookFilter(PublishFilter? given, PublishFilter? stated, bool unreadable = false)
    {
        _given = given;
        _unreadable = unreadable;
        _filters = unreadable ? [] : [.. new[] { given, stated }.OfType<PublishFilter>()];
    }

    /// <summary>Nothing may be published.</summary>
    public static HookFilter Unknown { get; } = new(null, null);

    /// <summary>False: nobody ever said what may be published, or what was said cannot be read.</summary>
    public bool IsKnown => _filters.Length > 0;

    /// <exception cref="FormatException">The node accepted a glob that this program does not understand; nothing may be published then.</exception>
    public static PublishFilter From(FilterInfo? filter) =>
        filter is null ? PublishFilter.Open : new PublishFilter(filter.Allow, filter.Deny, filter.DenyDeriver, filter.DenyReferences);

    /// <summary>Only what the node says, for deliveries that no hook made.</summary>
    public static HookFilter Of(PublishFilter filter) => new(null, filter);

    /// <summary>The same with what the node says now.</summary>
    public HookFilter With(PublishFilter stated) => new(_given, stated, _unreadable);

    /// <summary>What is known for the log that a hook names; a note that is not understood makes all unknown.</summary>
    /// <param name="log">As the hook was told; empty when it was not.</param>
    public static HookFilter Load(HookSpool spool, string log)
    {
        try
        {
            return new HookFilter(Read(spool, Name("given", log)), Read(spool, Name("stated", log)));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            // It may hold back anything: then nothing may be published, whatever the other note says.
            return new HookFilter(null, null, unreadable: true);
        }
    }

    /// <summary>The one given at installation; null removes it.</summary>
    /// <returns>False when it could not be written.</returns>
    public static bool Give(HookSpool spool, string log, FilterInfo? filter)
    {
        if (filter is null)
        {
            spool.Remove(Name("given", log));
            return true;
        }
        return spool.TryWriteNote(Name("given", log), Encode(filter));
    }

    /// <summary>The one that the node states now.</summary>
    /// <returns>False when it could not be written.</returns>
    public static bool State(HookSpool spool, string log, FilterInfo? filter)
    {
        var note = Encode(filter ?? new FilterInfo([], [], [], []));
        return note.AsSpan().SequenceEqual(spool.ReadNote(Name("stated", log))) || spool.TryWriteNote(Name("stated", log), note);
    }

    public PublishVerdict Judge(NixClaim claim, string? deriver) =>
        Judge(claim.Path.ToString(), deriver, [.. claim.References.Select(r => r.ToString())]);

    /// <summary>For a path of which no more than the name is known. References are judged when they are known.</summary>
    public PublishVerdict JudgeName(StorePath path, StorePath? derivation) => Judge(path.ToString(), derivation?.ToString(), []);

    /// <summary>
    /// For a derivation whose outputs are not known. What may be published by <c>allow</c> is a question of the outputs' names, which may differ
    /// from the derivation's; any other rule that holds the derivation back does so here.
    /// </summary>
    public bool MayKeepDerivation(StorePath derivation) =>
        IsKnown
        && !_filters
            .Select(f => f.Judge(derivation.ToString(), derivation.ToString(), []))
            .Any(v => v is PublishVerdict.Withheld and not { Rule: "allow" });

    PublishVerdict Judge(string path, string? deriver, IReadOnlyList<string> references)
    {
        if (!IsKnown)
        {
            return new PublishVerdict.Withheld("none", "no publish filter is known");
        }
        return _filters.Select(f => f.Judge(path, deriver, references)).FirstOrDefault(v => !v.MayPublish) ?? PublishVerdict.Publish;
    }

    /// <summary>Splits into what may be published and how many may not. An item that is not a claim of its key is never published.</summary>
    public (IReadOnlyList<SpoolItem> Publish, int Withheld) Apply(IReadOnlyList<SpoolItem> items)
    {
        var publish = items
            .Where(i =>
                NixClaim.TryParse(i.Value.Span, out var claim, out _)
                && claim.BelongsUnder(i.Key.Span, out _)
                && Judge(claim, i.Deriver).MayPublish
            )
            .ToArray();
        return (publish, items.Count - publish.Length);
    }

    /// <summary>The log's name may hold anything that a file name may not.</summary>
    static string Name(string kind, string log) => $"filter-{kind}-{Hex.Encode(SHA256.HashData(Encoding.UTF8.GetBytes(log)))[..16]}.json";

    static PublishFilter? Read(HookSpool spool, string name)
    {
        if (spool.ReadNote(name) is not { } note)
        {
            return null;
        }
        using var document = JsonDocument.Parse(note);
        return From(FilterInfo.Read(document.RootElement));
    }

    static byte[] Encode(FilterInfo filter)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var w = new Utf8JsonWriter(buffer))
        {
            w.WriteStartObject();
            Write(w, "allow", filter.Allow);
            Write(w, "deny", filter.Deny);
            Write(w, "denyDeriver", filter.DenyDeriver);
            Write(w, "denyReferences", filter.DenyReferences);
            w.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    static void Write(Utf8JsonWriter w, string name, IReadOnlyList<string> globs)
    {
        w.WriteStartArray(name);
        foreach (var glob in globs)
        {
            w.WriteStringValue(glob);
        }
        w.WriteEndArray();
    }
}
