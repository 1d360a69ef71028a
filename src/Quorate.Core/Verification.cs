namespace Quorate.Core;

/// <summary>The result of checking evidence: either verified, or rejected with a stable reason code and a sentence for people.</summary>
public abstract record Verification
{
    Verification() { }

    public static Verification Ok { get; } = new Verified();

    public static Verification Reject(string code, string detail) => new Rejected(code, detail);

    public bool IsVerified => this is Verified;

    public sealed record Verified : Verification;

    /// <param name="Code">Stable, kebab-case, machine-readable: <c>bad-signature</c>, <c>root-mismatch</c> …</param>
    /// <param name="Detail">One sentence that names what was wrong.</param>
    public sealed record Rejected(string Code, string Detail) : Verification
    {
        public override string ToString() => $"{Code}: {Detail}";
    }
}
