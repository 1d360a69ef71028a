using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;

namespace Quorate.Nix.Nar;

/// <summary>Writes the tree that it visits as a Nix archive. Not thread-safe.</summary>
public sealed class NarEncoder : INarVisitor
{
    /// <summary>A pipe's reader is woken for this many bytes, not for each small file.</summary>
    internal const int FlushSize = 256 << 10;

    readonly IBufferWriter<byte> _output;
    int _depth;
    ulong _length;

    /// <param name="output">Where the archive goes; a <see cref="PipeWriter"/> is flushed as it fills, but not at the end.</param>
    public NarEncoder(IBufferWriter<byte> output)
    {
        _output = output;
        String(NarFormat.Magic);
    }

    public void BeginFile(bool executable, ulong length)
    {
        BeginNode("regular"u8);
        if (executable)
        {
            String("executable"u8);
            String([]);
        }
        String("contents"u8);
        Number(length);
        _length = length;
    }

    public void Contents(ReadOnlySpan<byte> piece) => _output.Write(piece);

    public void EndFile()
    {
        Zeros(NarFormat.Padding(_length));
        EndNode();
    }

    public void Link(ReadOnlySpan<byte> target)
    {
        BeginNode("symlink"u8);
        String("target"u8);
        String(target);
        EndNode();
    }

    public void BeginFolder()
    {
        BeginNode("directory"u8);
        _depth++;
    }

    public void Entry(ReadOnlySpan<byte> name)
    {
        String("entry"u8);
        String("("u8);
        String("name"u8);
        String(name);
        String("node"u8);
    }

    public void EndFolder()
    {
        _depth--;
        EndNode();
    }

    public async ValueTask DrainAsync(CancellationToken cancellationToken)
    {
        if (_output is PipeWriter { UnflushedBytes: >= FlushSize } pipe && (await pipe.FlushAsync(cancellationToken)).IsCompleted)
        {
            throw new NarReaderGoneException();
        }
    }

    void BeginNode(ReadOnlySpan<byte> type)
    {
        String("("u8);
        String("type"u8);
        String(type);
    }

    /// <summary>Ends a node and, inside a folder, the entry that it belongs to.</summary>
    void EndNode()
    {
        String(")"u8);
        if (_depth > 0)
        {
            String(")"u8);
        }
    }

    void String(ReadOnlySpan<byte> text)
    {
        Number((ulong)text.Length);
        _output.Write(text);
        Zeros(NarFormat.Padding((ulong)text.Length));
    }

    void Number(ulong number)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(_output.GetSpan(sizeof(ulong)), number);
        _output.Advance(sizeof(ulong));
    }

    void Zeros(int count)
    {
        _output.GetSpan(NarFormat.Alignment)[..count].Clear();
        _output.Advance(count);
    }
}

/// <summary>Whoever took the bytes of an archive takes no more; why is known there.</summary>
sealed class NarReaderGoneException : IOException;
