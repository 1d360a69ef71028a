using System.IO.Pipelines;
using Quorate.Core;

namespace Quorate.Nix.Nar;

/// <summary>
/// Gives the archive of a tree to sinks. Reading and hashing overlap: one task reads the disk, another has the sinks take the bytes, and a
/// bounded pipe is between them.
/// </summary>
public static class NarFeed
{
    const int Block = NarEncoder.FlushSize;

    static readonly PipeOptions s_options = new(
        pauseWriterThreshold: 8 * Block,
        resumeWriterThreshold: 6 * Block,
        minimumSegmentSize: Block,
        useSynchronizationContext: false
    );

    /// <summary>Archives a tree on disk.</summary>
    /// <param name="through">What is put between the tree and its archive; null for nothing.</param>
    /// <exception cref="IOException">Something cannot be read, or changed meanwhile.</exception>
    /// <exception cref="MalformedException">The tree cannot be archived, or a sink refused it.</exception>
    public static async Task FromDiskAsync(
        string path,
        IReadOnlyList<IByteSink> sinks,
        CancellationToken cancellationToken,
        Func<INarVisitor, INarVisitor>? through = null
    )
    {
        var pipe = new Pipe(s_options);
        var produced = Task.Run(() => ProduceAsync(path, pipe.Writer, through, cancellationToken), cancellationToken);
        var consumed = ConsumeAsync(pipe.Reader, sinks, cancellationToken);
        await Task.WhenAll(produced, consumed).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        // The producer's failure makes the consumer fail too; a consumer that failed by itself is none of the producer's.
        await produced;
        await consumed;
    }

    /// <summary>NAR hash and size of a tree on disk.</summary>
    /// <inheritdoc cref="FromDiskAsync" path="/exception"/>
    public static async Task<(Sha256Digest Hash, ulong Size)> HashAsync(string path, CancellationToken cancellationToken)
    {
        using var hasher = new NarHasher(self: null);
        await FromDiskAsync(path, [hasher], cancellationToken);
        hasher.Complete();
        return (hasher.Hash, hasher.Size);
    }

    /// <summary>Reads an archive from a stream to its end, strictly, and gives its bytes to sinks and its tree to a visitor.</summary>
    /// <exception cref="MalformedException">It is not one whole archive, or a sink refused it.</exception>
    public static async Task FromArchiveAsync(
        Stream archive,
        INarVisitor visitor,
        IReadOnlyList<IByteSink> sinks,
        CancellationToken cancellationToken
    )
    {
        var reader = new NarReader(visitor);
        var buffer = new byte[Block];
        int read;
        while ((read = await archive.ReadAsync(buffer, cancellationToken)) > 0)
        {
            reader.Write(buffer.AsSpan(0, read));
            foreach (var sink in sinks)
            {
                sink.Write(buffer.AsSpan(0, read));
            }
            await visitor.DrainAsync(cancellationToken);
        }
        reader.Complete();
    }

    static async Task ProduceAsync(
        string path,
        PipeWriter writer,
        Func<INarVisitor, INarVisitor>? through,
        CancellationToken cancellationToken
    )
    {
        var whole = false;
        try
        {
            INarVisitor encoder = new NarEncoder(writer);
            await NarTree.VisitAsync(path, through?.Invoke(encoder) ?? encoder, cancellationToken);
            whole = true;
        }
        catch (NarReaderGoneException)
        {
            // The consumer failed, and its own failure is the one to report.
        }
        finally
        {
            // Without an exception the other end would take half an archive for a whole one.
            await writer.CompleteAsync(whole ? null : new IOException($"{path} could not be archived"));
        }
    }

    static async Task ConsumeAsync(PipeReader reader, IReadOnlyList<IByteSink> sinks, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                var result = await reader.ReadAsync(cancellationToken);
                if (result.Buffer.IsEmpty && result.IsCompleted)
                {
                    return;
                }
                // A segment at a time: what was taken is given back while the producer still has a lead, not when all is used up.
                var taken = 0;
                foreach (var segment in result.Buffer)
                {
                    foreach (var sink in sinks)
                    {
                        sink.Write(segment.Span);
                    }
                    taken = segment.Length;
                    if (taken > 0)
                    {
                        break;
                    }
                }
                reader.AdvanceTo(result.Buffer.GetPosition(taken));
            }
        }
        finally
        {
            await reader.CompleteAsync();
        }
    }
}
