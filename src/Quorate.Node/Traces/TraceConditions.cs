using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;
using Quorate.Node.Control;

namespace Quorate.Node.Traces;

/// <summary>What a request demands of the object that is there (RFC 9110 §13.1). Validators are compared strongly; a weak one matches nothing.</summary>
sealed class TraceConditions
{
    readonly IList<EntityTagHeaderValue>? _match;
    readonly IList<EntityTagHeaderValue>? _noneMatch;

    TraceConditions(IList<EntityTagHeaderValue>? match, IList<EntityTagHeaderValue>? noneMatch) =>
        (_match, _noneMatch) = (match, noneMatch);

    /// <exception cref="ControlException">A header is not a list of entity tags.</exception>
    public static TraceConditions Of(HttpRequest request) =>
        new(Parse(request.Headers.IfMatch, "If-Match"), Parse(request.Headers.IfNoneMatch, "If-None-Match"));

    /// <param name="etag">Null when there is no object.</param>
    public bool Allow(string? etag) =>
        (_match is null || (etag is not null && Names(_match, etag))) && (_noneMatch is null || etag is null || !Names(_noneMatch, etag));

    /// <summary>Whether a reader has it already. An unreadable header demands nothing here.</summary>
    public static bool IsKnown(HttpRequest request, string etag) =>
        !StringValues.IsNullOrEmpty(request.Headers.IfNoneMatch)
        && EntityTagHeaderValue.TryParseStrictList(request.Headers.IfNoneMatch, out var tags)
        && Names(tags, etag);

    static bool Names(IList<EntityTagHeaderValue> tags, string etag)
    {
        foreach (var tag in tags)
        {
            if (tag.Equals(EntityTagHeaderValue.Any) || (!tag.IsWeak && tag.Tag == etag))
            {
                return true;
            }
        }
        return false;
    }

    static IList<EntityTagHeaderValue>? Parse(StringValues header, string name) =>
        StringValues.IsNullOrEmpty(header) ? null
        : EntityTagHeaderValue.TryParseStrictList(header, out var tags) ? tags
        : throw ControlException.Invalid($"{name} is not a list of entity tags");
}
