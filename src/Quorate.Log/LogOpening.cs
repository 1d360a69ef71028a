namespace Quorate.Log;

/// <summary>How a log was opened.</summary>
/// <param name="FromImage">Entries that the state image covered.</param>
/// <param name="Replayed">Entries that were read from the write-ahead file.</param>
/// <param name="Refused">Why the image, or what it vouches for, was not believed; null where it was, or where there is none.</param>
public sealed record LogOpening(ulong FromImage, ulong Replayed, string? Refused)
{
    public override string ToString() =>
        Refused is null
            ? $"{FromImage} entries from the state image, {Replayed} from the write-ahead file"
            : $"all {Replayed} entries from the write-ahead file, because the state image was not believed: {Refused}";
}
