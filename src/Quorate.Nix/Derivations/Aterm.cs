namespace Quorate.Nix.Derivations;

/// <summary>The escapes of ATerm texts.</summary>
static class Aterm
{
    /// <summary>The byte that backslash and <paramref name="escape"/> stand for; -1 where Nix does not print that pair.</summary>
    public static int Meaning(byte escape) =>
        escape switch
        {
            (byte)'"' => '"',
            (byte)'\\' => '\\',
            (byte)'n' => '\n',
            (byte)'r' => '\r',
            (byte)'t' => '\t',
            _ => -1,
        };

    /// <summary>The letter after the backslash for a byte that must be escaped, else 0.</summary>
    public static byte Escape(byte value) =>
        value switch
        {
            (byte)'"' => (byte)'"',
            (byte)'\\' => (byte)'\\',
            (byte)'\n' => (byte)'n',
            (byte)'\r' => (byte)'r',
            (byte)'\t' => (byte)'t',
            _ => 0,
        };

    /// <summary>The text that <paramref name="raw"/> stands for: the same memory where nothing is escaped.</summary>
    /// <param name="raw">What <see cref="AtermReader.Escaped"/> accepted.</param>
    public static ReadOnlyMemory<byte> Unescape(ReadOnlyMemory<byte> raw)
    {
        var from = raw.Span;
        if (!from.Contains((byte)'\\'))
        {
            return raw;
        }
        var to = new byte[from.Length];
        var length = 0;
        for (var at = 0; at < from.Length; at++)
        {
            to[length++] = from[at] == '\\' ? (byte)Meaning(from[++at]) : from[at];
        }
        return to.AsMemory(0, length);
    }

    /// <summary>Order of the texts that two raw texts stand for.</summary>
    public static int Compare(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right) =>
        left.Contains((byte)'\\') || right.Contains((byte)'\\')
            ? Unescape(left.ToArray()).Span.SequenceCompareTo(Unescape(right.ToArray()).Span)
            : left.SequenceCompareTo(right);
}
