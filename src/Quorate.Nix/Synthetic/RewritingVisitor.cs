using System.Buffers;
using System.Text;
using Quorate.Nix.Nar;

namespace Quorate.Nix.Synthetic;

/// <summary>
/// Replaces hash parts in the contents of files and in the targets of links while a tree passes by. Names of files stay as they are: that is
/// how laut defines the view. Lengths do not change.
/// </summary>
sealed class RewritingVisitor : INarVisitor, IHashPartVisitor
{
    readonly INarVisitor _inner;
    readonly byte[][] _replacements;
    readonly HashPartStream _stream;
    readonly ArrayBufferWriter<byte> _target = new();
    bool _inFile;

    /// <param name="rewrites">Hash parts and what is put in their place.</param>
    public RewritingVisitor(INarVisitor inner, IReadOnlyDictionary<string, string> rewrites)
    {
        _inner = inner;
        _replacements = [.. rewrites.Values.Select(Encoding.ASCII.GetBytes)];
        _stream = new HashPartStream(new HashPartSet(rewrites.Keys), this);
    }

    public void BeginFile(bool executable, ulong length)
    {
        _inFile = true;
        _inner.BeginFile(executable, length);
    }

    public void Contents(ReadOnlySpan<byte> piece) => _stream.Write(piece);

    public void EndFile()
    {
        _stream.Complete();
        _inFile = false;
        _inner.EndFile();
    }

    public void Link(ReadOnlySpan<byte> target)
    {
        _target.ResetWrittenCount();
        _stream.Write(target);
        _stream.Complete();
        _inner.Link(_target.WrittenSpan);
    }

    public void BeginFolder() => _inner.BeginFolder();

    public void Entry(ReadOnlySpan<byte> name) => _inner.Entry(name);

    public void EndFolder() => _inner.EndFolder();

    public ValueTask DrainAsync(CancellationToken cancellationToken) => _inner.DrainAsync(cancellationToken);

    void IHashPartVisitor.Plain(ReadOnlySpan<byte> bytes) => Pass(bytes);

    void IHashPartVisitor.Found(ulong offset, int index) => Pass(_replacements[index]);

    void Pass(ReadOnlySpan<byte> bytes)
    {
        if (_inFile)
        {
            _inner.Contents(bytes);
        }
        else
        {
            _target.Write(bytes);
        }
    }
}

/// <summary>Scans a tree for references while it passes by: contents, targets and names of files.</summary>
sealed class ScanningVisitor(INarVisitor inner, ReferenceScanner scanner) : INarVisitor
{
    public void BeginFile(bool executable, ulong length) => inner.BeginFile(executable, length);

    public void Contents(ReadOnlySpan<byte> piece)
    {
        scanner.Write(piece);
        inner.Contents(piece);
    }

    public void EndFile()
    {
        scanner.Cut();
        inner.EndFile();
    }

    public void Link(ReadOnlySpan<byte> target)
    {
        Whole(target);
        inner.Link(target);
    }

    public void BeginFolder() => inner.BeginFolder();

    public void Entry(ReadOnlySpan<byte> name)
    {
        Whole(name);
        inner.Entry(name);
    }

    public void EndFolder() => inner.EndFolder();

    public ValueTask DrainAsync(CancellationToken cancellationToken) => inner.DrainAsync(cancellationToken);

    void Whole(ReadOnlySpan<byte> bytes)
    {
        scanner.Write(bytes);
        scanner.Cut();
    }
}
