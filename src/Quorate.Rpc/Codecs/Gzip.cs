using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using Quorate.Core;

namespace Quorate.Rpc.Codecs;

/// <summary>Gzip with a limit on what comes out.</summary>
public static class Gzip
{
    /// <summary>Below this a gzip frame rarely saves anything: heads, proofs and most values are digests.</summary>
    public const int Threshold = 1400;

    // RFC 1952: ten bytes before the data, eight after it.
    const int Overhead = 18;

    /// <summary>Takes one gzip member, complete and with nothing after it. No bytes at all are an empty message, as for Connect.</summary>
    /// <exception cref="MalformedException">Not a complete gzip stream.</exception>
    /// <exception cref="RpcException">More than <paramref name="maxBytes"/> come out (<see cref="RpcCode.ResourceExhausted"/>).</exception>
    public static ReadOnlyMemory<byte> Decompress(byte[] compressed, int offset, int count, int maxBytes)
    {
        if (count == 0)
        {
            return ReadOnlyMemory<byte>.Empty;
        }
        using var input = new GZipStream(new MemoryStream(compressed, offset, count, writable: false), CompressionMode.Decompress);
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(maxBytes + 1L, Math.Max(4096, 4 * Math.Min(count, 1 << 20))));
        var length = 0;
        try
        {
            while (true)
            {
                var read = input.Read(buffer, length, buffer.Length - length);
                if (read == 0)
                {
                    break;
                }
                length += read;
                if (length > maxBytes)
                {
                    throw MessageCodec.TooLarge(maxBytes);
                }
                if (length == buffer.Length)
                {
                    Grow(ref buffer, maxBytes);
                }
            }
            // The BCL takes a stream that ends early for one that ends; the length in the trailer tells.
            if (count < Overhead || BinaryPrimitives.ReadUInt32LittleEndian(compressed.AsSpan(offset + count - 4)) != (uint)length)
            {
                throw new MalformedException("gzip stream is cut off, or followed by something");
            }
            return buffer.AsSpan(0, length).ToArray();
        }
        catch (InvalidDataException e)
        {
            throw new MalformedException($"not a gzip stream: {e.Message}", e);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    public static ArraySegment<byte> Compress(byte[] plain)
    {
        var output = new MemoryStream(plain.Length / 2 + 64);
        using (var gzip = new GZipStream(output, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(plain);
        }
        return new ArraySegment<byte>(output.GetBuffer(), 0, (int)output.Length);
    }

    static void Grow(ref byte[] buffer, int maxBytes)
    {
        // One byte more than allowed is enough to see that the limit is passed.
        var larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(2L * buffer.Length, maxBytes + 1L));
        buffer.AsSpan().CopyTo(larger);
        ArrayPool<byte>.Shared.Return(buffer);
        buffer = larger;
    }
}
