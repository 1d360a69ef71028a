using Quorate.Log.Storage;

namespace Quorate.Log.Sequencing;

/// <summary>How large the items of a Submit may be.</summary>
static class SubmitLimits
{
    /// <summary>Bytes that the items take in a frame.</summary>
    /// <exception cref="LogInputException">An item, or all of them together, are over a limit.</exception>
    internal static long Check(IReadOnlyList<SubmitItem> items, PublishedLogOptions options)
    {
        long bytes = 0;
        for (var i = 0; i < items.Count; i++)
        {
            var (key, value) = (items[i].Key.Length, items[i].Value.Length);
            if (key > options.MaxKeyBytes)
            {
                throw new LogInputException($"the key of item {i} has {key} bytes; the limit is {options.MaxKeyBytes}");
            }
            if (value > options.MaxValueBytes)
            {
                throw new LogInputException($"the value of item {i} has {value} bytes; the limit is {options.MaxValueBytes}");
            }
            bytes += key + (long)value + LogFrame.RecordSize;
        }
        return bytes <= options.MaxSubmitBytes
            ? bytes
            : throw new LogInputException($"the submit has {bytes} bytes; the limit is {options.MaxSubmitBytes}");
    }
}
