using System.Collections.Frozen;

namespace Quorate.Rpc;

/// <summary>The error codes of the Connect protocol.</summary>
public enum RpcCode
{
    Canceled = 1,
    Unknown,
    InvalidArgument,
    DeadlineExceeded,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Aborted,
    OutOfRange,
    Unimplemented,
    Internal,
    Unavailable,
    DataLoss,
    Unauthenticated,
}

/// <summary>
/// Names and HTTP statuses of the codes. The statuses are those of connect-go 1.12, which every Trustix speaks; later Connect versions
/// moved some of them, but all clients read the code from the body.
/// </summary>
public static class RpcCodes
{
    static readonly (RpcCode Code, string Name, int Status)[] Table =
    [
        (RpcCode.Canceled, "canceled", 408),
        (RpcCode.Unknown, "unknown", 500),
        (RpcCode.InvalidArgument, "invalid_argument", 400),
        (RpcCode.DeadlineExceeded, "deadline_exceeded", 408),
        (RpcCode.NotFound, "not_found", 404),
        (RpcCode.AlreadyExists, "already_exists", 409),
        (RpcCode.PermissionDenied, "permission_denied", 403),
        (RpcCode.ResourceExhausted, "resource_exhausted", 429),
        (RpcCode.FailedPrecondition, "failed_precondition", 412),
        (RpcCode.Aborted, "aborted", 409),
        (RpcCode.OutOfRange, "out_of_range", 400),
        (RpcCode.Unimplemented, "unimplemented", 404),
        (RpcCode.Internal, "internal", 500),
        (RpcCode.Unavailable, "unavailable", 503),
        (RpcCode.DataLoss, "data_loss", 500),
        (RpcCode.Unauthenticated, "unauthenticated", 401),
    ];

    static readonly FrozenDictionary<RpcCode, (string Name, int Status)> ByCode = Table.ToFrozenDictionary(
        row => row.Code,
        row => (row.Name, row.Status)
    );

    static readonly FrozenDictionary<string, RpcCode> ByName = Table.ToFrozenDictionary(
        row => row.Name,
        row => row.Code,
        StringComparer.Ordinal
    );

    public static string Name(this RpcCode code) => ByCode[code].Name;

    public static int HttpStatus(this RpcCode code) => ByCode[code].Status;

    public static bool TryParse(string name, out RpcCode code) => ByName.TryGetValue(name, out code);

    /// <summary>The code that a response without a Connect error body stands for (Connect specification, "HTTP to error code").</summary>
    public static RpcCode FromHttpStatus(int status) =>
        status switch
        {
            400 => RpcCode.Internal,
            401 => RpcCode.Unauthenticated,
            403 => RpcCode.PermissionDenied,
            404 => RpcCode.Unimplemented,
            429 or 502 or 503 or 504 => RpcCode.Unavailable,
            _ => RpcCode.Unknown,
        };
}
