using System.Buffers.Binary;
using Quorate.Core;

namespace Quorate.Nix.Nar;

/// <summary>
/// Reads a Nix archive that arrives in pieces cut anywhere, and gives its tree to a visitor. Strict: one spelling of each tree is accepted
/// (padding zero, names ascending, nothing after the end), and lengths are held against the bounds of <see cref="NarFormat"/> before anything
/// is kept. Contents are passed on, never kept. Not thread-safe; after an error it must not be used again.
/// </summary>
public sealed class NarReader(INarVisitor visitor) : IByteSink
{
    readonly byte[] _text = new byte[NarFormat.MaxTarget];
    readonly byte[] _number = new byte[sizeof(ulong)];

    // The name last read in each open folder; empty before the first. Its count is the depth of the node being read.
    readonly Stack<byte[]> _folders = new();

    Expected _expected = Expected.Magic;
    Part _part = Part.Length;
    int _filled;
    ulong _length;
    ulong _left;
    bool _executable;

    /// <summary>What the next string must be.</summary>
    enum Expected
    {
        Magic,
        NodeOpens,
        TypeTag,
        Type,
        ExecutableOrContents,
        ExecutableMark,
        ContentsTag,
        Contents,
        TargetTag,
        Target,
        NodeCloses,
        EntryOrClose,
        EntryOpens,
        NameTag,
        Name,
        NodeTag,
        EntryCloses,
        End,
    }

    enum Part
    {
        Length,
        Text,
        Padding,
    }

    /// <summary>Bytes read so far.</summary>
    public ulong Position { get; private set; }

    /// <summary>True when one whole archive was read.</summary>
    public bool IsComplete => _expected == Expected.End;

    /// <exception cref="MalformedException">The bytes so far begin no archive; the message names the offset.</exception>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (_expected == Expected.End)
            {
                throw Malformed("bytes follow the end");
            }
            var used = _part switch
            {
                Part.Length => ReadLength(bytes),
                Part.Text when _expected == Expected.Contents => ReadContents(bytes),
                Part.Text => ReadText(bytes),
                _ => ReadPadding(bytes),
            };
            bytes = bytes[used..];
            Position += (ulong)used;
        }
    }

    /// <exception cref="MalformedException">The archive was cut off.</exception>
    public void Complete()
    {
        if (!IsComplete)
        {
            throw Malformed("the archive is cut off");
        }
    }

    int ReadLength(ReadOnlySpan<byte> bytes)
    {
        var used = Fill(_number, sizeof(ulong), bytes);
        if (_filled == sizeof(ulong))
        {
            _filled = 0;
            _length = BinaryPrimitives.ReadUInt64LittleEndian(_number);
            var limit = Limit();
            if (_length > limit)
            {
                throw Malformed($"a string of {_length} bytes where at most {limit} are allowed");
            }
            _left = _length;
            _part = Part.Text;
            if (_expected == Expected.Contents)
            {
                visitor.BeginFile(_executable, _length);
            }
            EndText();
        }
        return used;
    }

    ulong Limit() =>
        _expected switch
        {
            Expected.Contents => long.MaxValue,
            Expected.Name => NarFormat.MaxName,
            Expected.Target => NarFormat.MaxTarget,
            Expected.ExecutableMark => 0,
            _ => NarFormat.MaxTag,
        };

    int ReadContents(ReadOnlySpan<byte> bytes)
    {
        var piece = bytes[..(int)Math.Min((ulong)bytes.Length, _left)];
        visitor.Contents(piece);
        _left -= (ulong)piece.Length;
        EndText();
        return piece.Length;
    }

    int ReadText(ReadOnlySpan<byte> bytes)
    {
        var used = Fill(_text, (int)_length, bytes);
        _left -= (ulong)used;
        EndText();
        return used;
    }

    int ReadPadding(ReadOnlySpan<byte> bytes)
    {
        var padding = bytes[..Math.Min(bytes.Length, NarFormat.Padding(_length) - _filled)];
        if (padding.ContainsAnyExcept((byte)0))
        {
            throw Malformed("padding is not zero");
        }
        _filled += padding.Length;
        EndPadding();
        return padding.Length;
    }

    int Fill(byte[] destination, int wanted, ReadOnlySpan<byte> bytes)
    {
        var piece = bytes[..Math.Min(bytes.Length, wanted - _filled)];
        piece.CopyTo(destination.AsSpan(_filled));
        _filled += piece.Length;
        return piece.Length;
    }

    void EndText()
    {
        if (_left == 0)
        {
            _filled = 0;
            _part = Part.Padding;
            EndPadding();
        }
    }

    void EndPadding()
    {
        if (_filled == NarFormat.Padding(_length))
        {
            _filled = 0;
            _part = Part.Length;
            _expected = Next(_text.AsSpan(0, _expected == Expected.Contents ? 0 : (int)_length));
        }
    }

    /// <summary>Takes one whole string, and says what must follow.</summary>
    Expected Next(ReadOnlySpan<byte> text)
    {
        switch (_expected)
        {
            case Expected.Magic:
                return Must(text, NarFormat.Magic, Expected.NodeOpens);
            case Expected.NodeOpens:
                return _folders.Count < NarFormat.MaxDepth
                    ? Must(text, "("u8, Expected.TypeTag)
                    : throw Malformed($"nested more than {NarFormat.MaxDepth} deep");
            case Expected.TypeTag:
                return Must(text, "type"u8, Expected.Type);
            case Expected.Type:
                return NextOfType(text);
            case Expected.ExecutableOrContents when text.SequenceEqual("executable"u8):
                _executable = true;
                return Expected.ExecutableMark;
            case Expected.ExecutableOrContents:
            case Expected.ContentsTag:
                return Must(text, "contents"u8, Expected.Contents);
            case Expected.ExecutableMark:
                return Expected.ContentsTag;
            case Expected.Contents:
                visitor.EndFile();
                return Expected.NodeCloses;
            case Expected.TargetTag:
                return Must(text, "target"u8, Expected.Target);
            case Expected.Target:
                if (!NarFormat.IsTarget(text))
                {
                    throw Malformed("a link has no valid target");
                }
                visitor.Link(text);
                return Expected.NodeCloses;
            case Expected.NodeCloses:
                return Must(text, ")"u8, AfterNode());
            case Expected.EntryOrClose when text.SequenceEqual(")"u8):
                _folders.Pop();
                visitor.EndFolder();
                return AfterNode();
            case Expected.EntryOrClose:
                return Must(text, "entry"u8, Expected.EntryOpens);
            case Expected.EntryOpens:
                return Must(text, "("u8, Expected.NameTag);
            case Expected.NameTag:
                return Must(text, "name"u8, Expected.Name);
            case Expected.Name:
                return NextName(text);
            case Expected.NodeTag:
                return Must(text, "node"u8, Expected.NodeOpens);
            default:
                return Must(text, ")"u8, Expected.EntryOrClose);
        }
    }

    Expected NextOfType(ReadOnlySpan<byte> type)
    {
        if (type.SequenceEqual("regular"u8))
        {
            _executable = false;
            return Expected.ExecutableOrContents;
        }
        if (type.SequenceEqual("symlink"u8))
        {
            return Expected.TargetTag;
        }
        if (!type.SequenceEqual("directory"u8))
        {
            throw Malformed("unknown type of file");
        }
        _folders.Push([]);
        visitor.BeginFolder();
        return Expected.EntryOrClose;
    }

    Expected NextName(ReadOnlySpan<byte> name)
    {
        if (!NarFormat.IsName(name))
        {
            throw Malformed("a file name is not valid");
        }
        if (name.SequenceCompareTo(_folders.Pop()) <= 0)
        {
            throw Malformed($"the names of a folder do not ascend at '{NarFormat.Shown(name)}'");
        }
        _folders.Push(name.ToArray());
        visitor.Entry(name);
        return Expected.NodeTag;
    }

    Expected AfterNode() => _folders.Count == 0 ? Expected.End : Expected.EntryCloses;

    Expected Must(ReadOnlySpan<byte> text, ReadOnlySpan<byte> tag, Expected next) =>
        text.SequenceEqual(tag) ? next : throw Malformed($"expected '{NarFormat.Shown(tag)}', found '{NarFormat.Shown(text)}'");

    MalformedException Malformed(string what) => new($"Nix archive, near byte {Position}: {what}");
}
