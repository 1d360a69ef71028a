using System.Buffers.Binary;
using System.Security.Cryptography;
using Quorate.Crypto.Keys;
using Quorate.Nix.Derivations;

namespace Quorate.Nix.Traces;

/// <summary>A signed claim, ready to be stored, and the derivation that it is about.</summary>
public sealed record SignedTrace(
    ResolvedInputHash Input,
    TraceElement Element,
    ReadOnlyMemory<byte> Aterm,
    IReadOnlyList<SignedOutput> Outputs
)
{
    /// <summary>The key under which protocol <c>nix-trace</c> logs it: the 32 ASCII characters of the resolved input hash.</summary>
    public byte[] LogKey => System.Text.Encoding.ASCII.GetBytes(Input.ToString());
}

/// <summary>Signs examined builds with one claim key. The key must sign nothing else. Thread-safe.</summary>
/// <param name="built">Whether this machine executed the builds that will be signed.</param>
/// <param name="provenance">What holds for all of them; each gets an attempt id of its own.</param>
public sealed class TraceSigner(NixCacheSecretKey key, TraceFormat format, TraceProvenance provenance, bool built)
{
    public NixCachePublicKey PublicKey => key.PublicKey;

    /// <param name="withDependencies">Lists the inputs although the resolved input hash covers them, for readers who do not have the derivation.</param>
    public SignedTrace Sign(ExaminedBuild.Sound build, bool withDependencies = false)
    {
        Span<byte> attempt = stackalloc byte[16];
        RandomNumberGenerator.Fill(attempt);
        var statement = new TraceStatement(
            build.Input,
            build.Regime,
            build.Outputs,
            built,
            BinaryPrimitives.ReadUInt128BigEndian(attempt),
            withDependencies ? provenance with { Dependencies = DependenciesOf(build) } : provenance
        );
        var element = new TraceElement(TraceWriter.Sign(statement, format, key.Key, key.Name), IsJws: format != TraceFormat.Bundle);
        return new SignedTrace(build.Input, element, build.Aterm, build.Outputs);
    }

    static TraceResource[] DependenciesOf(ExaminedBuild.Sound build) =>
        [
            .. build.Sources.Select(path => new TraceResource(
                Name: null,
                Uri: null,
                new Dictionary<string, string>(StringComparer.Ordinal) { [TraceStatementNames.PathScheme] = path.ToString() }
            )),
        ];
}
