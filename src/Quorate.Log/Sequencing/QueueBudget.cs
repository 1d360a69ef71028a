namespace Quorate.Log.Sequencing;

/// <summary>Bytes of keys and values that may wait at once. Safe for any number of threads.</summary>
sealed class QueueBudget(long limit)
{
    long _reserved;

    /// <summary>Makes room for a request, or returns false. One may always wait, however large it is.</summary>
    internal bool TryReserve(long bytes)
    {
        var reserved = Interlocked.Add(ref _reserved, bytes);
        if (reserved <= limit || reserved == bytes)
        {
            return true;
        }
        Release(bytes);
        return false;
    }

    internal void Release(long bytes) => Interlocked.Add(ref _reserved, -bytes);
}
