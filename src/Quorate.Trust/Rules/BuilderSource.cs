namespace Quorate.Trust.Rules;

/// <summary>One place where a builder's claims about one protocol come from: a log or a signed cache, as configured.</summary>
/// <param name="Name">The configured name, by which <c>until_index</c> finds the log.</param>
/// <param name="LogId">Null for a signed cache.</param>
/// <param name="Witnesses">Witnesses configured for the log.</param>
public sealed record BuilderSource(string Builder, string Name, string? LogId, ClaimOrigin Origin, int Witnesses = 0);
