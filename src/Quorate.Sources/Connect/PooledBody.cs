using System.Buffers;
using Quorate.Rpc;

namespace Quorate.Sources.Connect;

/// <summary>A response body in a rented array. Dispose exactly once.</summary>
readonly struct PooledBody : IDisposable
{
    PooledBody(byte[] array, int length)
    {
        Array = array;
        Length = length;
    }

    public byte[] Array { get; }

    public int Length { get; }

    public ReadOnlyMemory<byte> Memory => Array.AsMemory(0, Length);

    /// <summary>Reads to the end; what the sender announces never decides how much is allocated beyond <paramref name="maxBytes"/>.</summary>
    /// <exception cref="RpcException">More than <paramref name="maxBytes"/> came.</exception>
    public static async ValueTask<PooledBody> ReadAsync(Stream stream, long? announced, int maxBytes, CancellationToken cancellationToken)
    {
        if (announced > maxBytes)
        {
            throw TooLarge(maxBytes);
        }
        // One spare byte, so that the end shows without growing.
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(announced ?? 4096, 1 << 20) + 1);
        var length = 0;
        try
        {
            while (true)
            {
                var read = await stream.ReadAsync(buffer.AsMemory(length), cancellationToken);
                if (read == 0)
                {
                    return new PooledBody(buffer, length);
                }
                length += read;
                if (length > maxBytes)
                {
                    throw TooLarge(maxBytes);
                }
                if (length == buffer.Length)
                {
                    var larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(2L * length, maxBytes + 1L));
                    buffer.AsSpan(0, length).CopyTo(larger);
                    ArrayPool<byte>.Shared.Return(buffer);
                    buffer = larger;
                }
            }
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(buffer);
            throw;
        }
    }

    public void Dispose() => ArrayPool<byte>.Shared.Return(Array);

    static RpcException TooLarge(int maxBytes) =>
        new(RpcCode.ResourceExhausted, $"the answer is larger than the limit of {maxBytes} bytes");
}
