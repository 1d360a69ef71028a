using Quorate.Rpc;
using Xunit;

namespace Quorate.Tests.Rpc;

public sealed class RpcCodesTests
{
    [Theory]
    [InlineData(RpcCode.Unknown, "unknown", 500)]
    [InlineData(RpcCode.InvalidArgument, "invalid_argument", 400)]
    [InlineData(RpcCode.Unauthenticated, "unauthenticated", 401)]
    [InlineData(RpcCode.Unimplemented, "unimplemented", 404)]
    [InlineData(RpcCode.PermissionDenied, "permission_denied", 403)]
    [InlineData(RpcCode.DeadlineExceeded, "deadline_exceeded", 408)]
    [InlineData(RpcCode.Unavailable, "unavailable", 503)]
    [InlineData(RpcCode.Internal, "internal", 500)]
    [InlineData(RpcCode.NotFound, "not_found", 404)]
    [InlineData(RpcCode.ResourceExhausted, "resource_exhausted", 429)]
    [InlineData(RpcCode.FailedPrecondition, "failed_precondition", 412)]
    public void Code_has_its_name_and_status(RpcCode code, string name, int status) =>
        Assert.Equal((name, status), (code.Name(), code.HttpStatus()));

    [Fact]
    public void Every_code_is_found_by_its_name() =>
        Assert.All(Enum.GetValues<RpcCode>(), code => Assert.True(RpcCodes.TryParse(code.Name(), out var found) && found == code));

    [Fact]
    public void Method_table_has_all_procedures() =>
        Assert.Equal(
            ["/trustix_api.v1.LogAPI/GetMHLogAuditProof", "/trustix_rpc.v1.LogRPC/Submit", "/trustix_rpc.v1.RPCApi/Decide"],
            [
                TrustixMethods.LogApi.GetMHLogAuditProof.Procedure,
                TrustixMethods.LogRpc.Submit.Procedure,
                TrustixMethods.RpcApi.Decide.Procedure,
            ]
        );
}
