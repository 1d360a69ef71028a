namespace Quorate.Nix.Nar;

/// <summary>
/// Receives a tree in the order of a Nix archive. A tree is one node: a file (<see cref="BeginFile"/>, its contents in any number of pieces,
/// <see cref="EndFile"/>), a <see cref="Link"/>, or a folder (<see cref="BeginFolder"/>, then <see cref="Entry"/> and a node for each name in
/// ascending order of bytes, <see cref="EndFolder"/>). Whoever calls guarantees that order, the bounds of <see cref="NarFormat"/>, and that the
/// contents have the length that was announced. Spans are valid during the call only.
/// </summary>
public interface INarVisitor
{
    void BeginFile(bool executable, ulong length);

    void Contents(ReadOnlySpan<byte> piece);

    void EndFile();

    void Link(ReadOnlySpan<byte> target);

    void BeginFolder();

    void Entry(ReadOnlySpan<byte> name);

    void EndFolder();

    /// <summary>
    /// Awaited after every node and every piece of contents: here a visitor that passes bytes on waits for whoever takes them.
    /// </summary>
    ValueTask DrainAsync(CancellationToken cancellationToken);
}

/// <summary>Receives bytes in order, cut anywhere.</summary>
public interface IByteSink
{
    void Write(ReadOnlySpan<byte> bytes);
}
