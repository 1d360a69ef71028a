using System.Buffers.Binary;
using System.Security.Cryptography;
using Quorate.Crypto.Keys;
using Quorate.Nix.Derivations;

namespace Quorate.Nix.Traces;

/// <summary>A signed claim, ready to be stored, and the derivation that it is about.</summary>
/// <param name="Note">What was asked for and left out, as a sentence; null when nothing was.</param>
public sealed record SignedTrace(
    ResolvedInputHash Input,
    TraceElement Element,
    ReadOnlyMemory<byte> Aterm,
    IReadOnlyList<SignedOutput> Outputs,
    string? Note = null
)
{
    /// <summary>The key under which protocol <c>nix-trace</c> logs it: the 32 ASCII characters of the resolved input hash.</summary>
    public byte[] LogKey => System.Text.Encoding.ASCII.GetBytes(Input.ToString());
}

/// <summary>Signs examined builds with one claim key. The key must sign nothing else. Thread-safe.</summary>
/// <param name="form">Without a contradiction. Each claim gets an attempt id of its own.</param>
/// <param name="versions">Component → version of the builder's Nix, and of this program.</param>
public sealed class TraceSigner(NixCacheSecretKey key, ClaimForm form, IReadOnlyDictionary<string, string> versions)
{
    readonly TraceProvenance _provenance = TraceProvenance.None with
    {
        Versions = versions,
        Software = form.Software,
        Metadata = form.Metadata,
    };

    public NixCachePublicKey PublicKey => key.PublicKey;

    public SignedTrace Sign(ExaminedBuild.Sound build)
    {
        Span<byte> attempt = stackalloc byte[16];
        RandomNumberGenerator.Fill(attempt);
        var preimage = form.WithPreimage ? DebugPreimage.Of(build) : null;
        var statement = new TraceStatement(
            build.Input,
            build.Regime,
            build.Outputs,
            form.Built,
            BinaryPrimitives.ReadUInt128BigEndian(attempt),
            form.WithDependencies ? _provenance with { Dependencies = DependenciesOf(build) } : _provenance,
            preimage
        );
        var element = new TraceElement(
            TraceWriter.Sign(statement, form.Format, key.Key, key.Name),
            IsJws: form.Format != TraceFormat.Bundle
        );
        var note = form.WithPreimage && preimage is null ? "the debugging preimage is left out: it is too large, or no text" : null;
        return new SignedTrace(build.Input, element, build.Aterm, build.Outputs, note);
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
