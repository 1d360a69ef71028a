namespace Quorate.Log.Witnessing;

/// <summary>Times of cosignatures: seconds since 1970, said by others.</summary>
public static class CosignatureTime
{
    /// <summary>As a point in time, but not later than <paramref name="now"/>: a witness whose clock is fast does not vouch for the future.</summary>
    public static DateTimeOffset Of(ulong seconds, DateTimeOffset now) =>
        seconds >= (ulong)Math.Max(now.ToUnixTimeSeconds(), 0) ? now : DateTimeOffset.FromUnixTimeSeconds((long)seconds);
}
