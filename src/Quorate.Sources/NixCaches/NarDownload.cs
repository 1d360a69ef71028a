using System.Buffers;

namespace Quorate.Sources.NixCaches;

/// <summary>An open answer of a cache.</summary>
sealed class CacheBody(Stream stream, long? length, IDisposable? owner) : IAsyncDisposable
{
    public Stream Stream => stream;

    public long? Length => length;

    public async ValueTask DisposeAsync()
    {
        await stream.DisposeAsync();
        owner?.Dispose();
    }
}

/// <summary>A compressed NAR on its way from a cache. Used once, by one caller.</summary>
public sealed class NarDownload : IAsyncDisposable
{
    const int ChunkSize = 64 << 10;

    readonly CacheBody _body;
    readonly long _most;
    readonly BinaryCacheAddress _from;
    readonly TimeSpan _idleTimeout;
    readonly TimeProvider _time;

    internal NarDownload(CacheBody body, long? length, long most, BinaryCacheAddress from, TimeSpan idleTimeout, TimeProvider time)
    {
        _body = body;
        _most = length ?? most;
        _from = from;
        _idleTimeout = idleTimeout;
        _time = time;
        Length = length;
    }

    /// <summary>In bytes; null where neither the narinfo file nor the answer tells.</summary>
    public long? Length { get; }

    /// <summary>
    /// Copies the bytes unchanged, one small buffer at a time, so that a slow destination slows the source down. The cache's time limit
    /// does not run while the destination is written to.
    /// </summary>
    /// <returns>Bytes copied.</returns>
    /// <exception cref="BinaryCacheException">The source failed, was silent for too long, or has not the stated length.</exception>
    public async Task<long> CopyToAsync(Stream destination, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(ChunkSize);
        try
        {
            long copied = 0;
            while (true)
            {
                var read = await ReadAsync(buffer, cancellationToken);
                if (read == 0)
                {
                    break;
                }
                copied += read;
                if (copied > _most)
                {
                    throw new BinaryCacheException(
                        Length is null ? $"{_from} does not stop after {_most} bytes" : $"{_from} sends more than the stated {Length} bytes"
                    );
                }
                await destination.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
            }
            return Length is null || copied == Length
                ? copied
                : throw new BinaryCacheException($"{_from} sends {copied} bytes instead of the stated {Length}");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    public ValueTask DisposeAsync() => _body.DisposeAsync();

    async Task<int> ReadAsync(byte[] buffer, CancellationToken cancellationToken)
    {
        using var idle = new CancellationTokenSource(_idleTimeout, _time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, idle.Token);
        try
        {
            return await _body.Stream.ReadAsync(buffer, linked.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new BinaryCacheException($"{_from} fell silent in the middle of a NAR", e, isOutage: true);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new BinaryCacheException($"{_from}: {e.Message}", e, isOutage: true);
        }
    }
}
