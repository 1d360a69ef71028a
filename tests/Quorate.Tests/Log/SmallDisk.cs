using Quorate.Log.Storage;

namespace Quorate.Tests.Log;

/// <summary>A disk that has as much room as a test says.</summary>
sealed class SmallDisk : WriteAheadDisk
{
    public long Free { get; set; } = 1L << 40;

    public override long FreeBytes(string folder) => Free;
}
