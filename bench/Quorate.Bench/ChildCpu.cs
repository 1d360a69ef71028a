using System.Runtime.InteropServices;

namespace Quorate.Bench;

/// <summary>CPU time of the child processes that have ended (<c>getrusage(2)</c>, <c>RUSAGE_CHILDREN</c>).</summary>
static unsafe partial class ChildCpu
{
    const int Children = -1;

    public static TimeSpan Total
    {
        get
        {
            // struct rusage: user time and system time as seconds and microseconds, then 14 further words.
            Span<long> usage = stackalloc long[18];
            fixed (long* words = usage)
            {
                if (getrusage(Children, words) != 0)
                {
                    throw new InvalidOperationException("getrusage failed");
                }
            }
            return TimeSpan.FromSeconds(usage[0] + usage[2]) + TimeSpan.FromMicroseconds(usage[1] + usage[3]);
        }
    }

    [LibraryImport("libc")]
    private static partial int getrusage(int who, long* usage);
}
