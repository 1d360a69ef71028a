namespace Quorate.Nix.Nar;

/// <summary>
/// Which of some store paths an archive refers to: those whose hash part occurs anywhere in it, names of files included, as Nix itself finds
/// references. Occurrences may overlap. Not thread-safe.
/// </summary>
public sealed class ReferenceScanner : IByteSink
{
    const int Held = HashPartSet.Length - 1;

    readonly ILookup<string, StorePath> _candidates;
    readonly string[] _hashParts;
    readonly HashPartSet _set;
    readonly bool[] _found;
    readonly byte[] _seam = new byte[2 * Held];
    int _held;

    public ReferenceScanner(IEnumerable<StorePath> candidates)
    {
        _candidates = candidates.Distinct().ToLookup(path => path.HashPart, StringComparer.Ordinal);
        _hashParts = [.. _candidates.Select(group => group.Key)];
        _set = new HashPartSet(_hashParts);
        _found = new bool[_hashParts.Length];
    }

    /// <summary>The candidates that occur in what was written so far, sorted.</summary>
    public IReadOnlyList<StorePath> Found => [.. _hashParts.Where((_, i) => _found[i]).SelectMany(part => _candidates[part]).Order()];

    public void Write(ReadOnlySpan<byte> bytes)
    {
        // What begins in the bytes held back ends within the first 31 new ones.
        var head = bytes[..Math.Min(bytes.Length, Held)];
        head.CopyTo(_seam.AsSpan(_held));
        var seam = _seam.AsSpan(0, _held + head.Length);
        Search(seam);
        Search(bytes);
        var tail = bytes.Length >= Held ? bytes[^Held..] : seam[^Math.Min(seam.Length, Held)..];
        tail.CopyTo(_seam);
        _held = tail.Length;
    }

    /// <summary>What comes next does not continue what was written so far.</summary>
    public void Cut() => _held = 0;

    void Search(ReadOnlySpan<byte> bytes)
    {
        int at;
        while ((at = _set.Find(bytes, out var index)) >= 0)
        {
            _found[index] = true;
            bytes = bytes[(at + 1)..];
        }
    }
}
