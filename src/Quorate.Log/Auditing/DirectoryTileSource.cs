namespace Quorate.Log.Auditing;

/// <summary>A tile log as static files in a folder.</summary>
public sealed class DirectoryTileSource(string folder) : ITileSource
{
    public ValueTask<TileRead> ReadAsync(string path, TileBuffer buffer, int maxBytes, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        buffer.Clear();
        try
        {
            using var file = File.OpenHandle(Path.Combine(folder, path));
            var length = RandomAccess.GetLength(file);
            if (length > maxBytes)
            {
                return ValueTask.FromResult(TileRead.TooLong);
            }
            // One more byte than there should be, so that the end shows: the file may change while it is read.
            while (
                buffer.Length <= maxBytes
                && RandomAccess.Read(file, buffer.Room((int)Math.Max(1, length - buffer.Length + 1)).Span, buffer.Length)
                    is > 0
                        and var read
            )
            {
                buffer.Advance(read);
            }
            return ValueTask.FromResult(buffer.Length <= maxBytes ? TileRead.Found : TileRead.TooLong);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return ValueTask.FromResult(TileRead.Absent);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TileSourceException($"cannot read {Path.Combine(folder, path)}: {e.Message}", e);
        }
    }
}
