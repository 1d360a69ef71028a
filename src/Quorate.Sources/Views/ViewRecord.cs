using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Quorate.Core;
using Quorate.Nix;

namespace Quorate.Sources.Views;

/// <summary>
/// One view that was computed, with all that it was computed from (docs/formats/synthetic-view.md). Immutable.
/// </summary>
/// <param name="Location">Where the object is on disk; its end is the object's logical path, unless the store has another directory there.</param>
/// <param name="NarHash">What the store had registered.</param>
/// <param name="Below">Digest of the references, their views, and all below them.</param>
/// <param name="Stamp">Digest of what the file system said of the object's files.</param>
/// <param name="Time">When the object was read, to the millisecond.</param>
public sealed record ViewRecord(
    string Location,
    StorePath Path,
    Sha256Digest NarHash,
    Sha256Digest Below,
    Sha256Digest Stamp,
    DateTimeOffset Time,
    StorePath View
)
{
    /// <summary>Longest file that is looked at, in bytes.</summary>
    public const int MaxBytes = 16 << 10;

    const string Magic = "quorate-view-v1 ";
    const long MaxTime = 253_402_300_799_999;

    /// <summary>A location that a line can hold, so that it reads back as it is.</summary>
    public static bool CanHold(string location) => location.Length <= 4096 && !location.Any(char.IsControl) && !location.Contains('\uFFFD');

    public byte[] Encode()
    {
        var body = Encoding.UTF8.GetBytes(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{Location}\n{Path}\n{NarHash}\n{Below}\n{Stamp}\n{Time.ToUnixTimeMilliseconds()}\n{View}\n"
            )
        );
        return [.. Encoding.ASCII.GetBytes($"{Magic}{Sha256Digest.HashData(body)}\n"), .. body];
    }

    /// <summary>False for anything that <see cref="Encode"/> does not write exactly so, a torn or changed file among it.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> file, [NotNullWhen(true)] out ViewRecord? record)
    {
        record = null;
        if (file.Length > MaxBytes)
        {
            return false;
        }
        var lines = Encoding.UTF8.GetString(file).Split('\n');
        if (
            lines.Length != 9
            || !CanHold(lines[1])
            || !StorePath.TryParse(lines[2], out var path)
            || !Sha256Digest.TryParseHex(lines[3], out var narHash)
            || !Sha256Digest.TryParseHex(lines[4], out var below)
            || !Sha256Digest.TryParseHex(lines[5], out var stamp)
            || !long.TryParse(lines[6], NumberStyles.None, CultureInfo.InvariantCulture, out var time)
            || time > MaxTime
            || !StorePath.TryParse(lines[7], path.StoreDir, out var view)
            || view.Name != path.Name
        )
        {
            return false;
        }
        var read = new ViewRecord(lines[1], path, narHash, below, stamp, DateTimeOffset.FromUnixTimeMilliseconds(time), view);
        // Digest, spelling and end at once.
        if (!read.Encode().AsSpan().SequenceEqual(file))
        {
            return false;
        }
        record = read;
        return true;
    }
}
