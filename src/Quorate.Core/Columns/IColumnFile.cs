namespace Quorate.Core.Columns;

/// <summary>
/// Where a <see cref="Column{T}"/> keeps what it no longer keeps in memory. Read and written by position, never mapped: a failing disk shows as an
/// exception where a mapping would kill the process, and what the kernel caches of it is not this process's memory. Nobody else writes to it. All
/// members throw <see cref="IOException"/>; any thread may read.
/// </summary>
public interface IColumnFile
{
    /// <summary>For messages.</summary>
    string Path { get; }

    /// <summary>In bytes.</summary>
    long Length { get; }

    /// <summary>Reads as much as there is at an offset, up to the length of the destination; 0 behind the end.</summary>
    int Read(Span<byte> destination, long offset);

    /// <summary>Writes all bytes at an offset; they need not be durable.</summary>
    void Write(ReadOnlySpan<byte> bytes, long offset);

    /// <summary>The error for bytes that are not what was written; called once for each such read.</summary>
    IOException Damaged(string what);
}
