namespace Quorate.Node.Control;

/// <summary>An answer other than success, with a Connect code; REST and Connect share the codes so that clients need one table.</summary>
public sealed class ControlException(string code, string message) : Exception(message)
{
    public string Code => code;

    /// <summary>When the caller may try again; sent as <c>Retry-After</c>.</summary>
    public TimeSpan? RetryAfter { get; init; }

    public int Status => StatusOf(code);

    public static int StatusOf(string code) =>
        code switch
        {
            "not_found" => 404,
            "invalid_argument" => 400,
            "resource_exhausted" => 429,
            "unavailable" => 503,
            "failed_precondition" => 412,
            "deadline_exceeded" => 504,
            "unauthenticated" => 401,
            "permission_denied" => 403,
            "aborted" => 409,
            "too_large" => 413,
            "unimplemented" => 501,
            _ => 500,
        };

    public static ControlException NotFound(string message) => new("not_found", message);

    public static ControlException Invalid(string message) => new("invalid_argument", message);
}
