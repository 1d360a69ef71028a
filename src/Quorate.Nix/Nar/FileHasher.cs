namespace Quorate.Nix.Nar;

/// <summary>Hashes the contents of a tree that is one plain file, and passes the tree on.</summary>
sealed class FileHasher(INarVisitor inner, ContentHasher hash) : INarVisitor
{
    public void BeginFile(bool executable, ulong length)
    {
        if (executable)
        {
            throw new UnaddressableException("an executable file is not addressed by its bytes alone");
        }
        inner.BeginFile(executable, length);
    }

    public void Contents(ReadOnlySpan<byte> piece)
    {
        hash.Write(piece);
        inner.Contents(piece);
    }

    public void EndFile() => inner.EndFile();

    public void Link(ReadOnlySpan<byte> target) => throw NotOneFile();

    public void BeginFolder() => throw NotOneFile();

    public void Entry(ReadOnlySpan<byte> name) => throw NotOneFile();

    public void EndFolder() => throw NotOneFile();

    public ValueTask DrainAsync(CancellationToken cancellationToken) => inner.DrainAsync(cancellationToken);

    static UnaddressableException NotOneFile() => new("an object that is not one file is not addressed by its bytes");
}
