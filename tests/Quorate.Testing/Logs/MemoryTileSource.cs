using System.Collections.Concurrent;
using Quorate.Log.Auditing;

namespace Quorate.Testing.Logs;

/// <summary>A tile log in memory, whose objects tests change.</summary>
public sealed class MemoryTileSource : ITileSource
{
    int _reads;

    public ConcurrentDictionary<string, byte[]> Objects { get; } = new(StringComparer.Ordinal);

    /// <summary>Reads so far, of any object.</summary>
    public int Reads
    {
        get => Volatile.Read(ref _reads);
        set => Volatile.Write(ref _reads, value);
    }

    public static MemoryTileSource OfFolder(string folder)
    {
        var source = new MemoryTileSource();
        foreach (var file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            source.Objects[Path.GetRelativePath(folder, file)] = File.ReadAllBytes(file);
        }
        return source;
    }

    public ValueTask<TileRead> ReadAsync(string path, TileBuffer buffer, int maxBytes, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Interlocked.Increment(ref _reads);
        buffer.Clear();
        if (!Objects.TryGetValue(path, out var bytes))
        {
            return ValueTask.FromResult(TileRead.Absent);
        }
        if (bytes.Length > maxBytes)
        {
            return ValueTask.FromResult(TileRead.TooLong);
        }
        bytes.CopyTo(buffer.Room(bytes.Length));
        buffer.Advance(bytes.Length);
        return ValueTask.FromResult(TileRead.Found);
    }
}
