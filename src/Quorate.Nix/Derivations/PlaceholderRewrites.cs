using System.Buffers;
using System.Runtime.InteropServices;

namespace Quorate.Nix.Derivations;

/// <summary>
/// Replaces placeholders by paths, all in one pass: a placeholder begins with a slash and has none further on, so no two overlap, and what
/// is put in cannot make a new one.
/// </summary>
sealed class PlaceholderRewrites(UpstreamPlaceholders? known)
{
    static readonly SearchValues<byte> s_digits = SearchValues.Create("0123456789abcdfghijklmnpqrsvwxyz"u8);

    // The first eight digits of each, to find one among many by a vectorised search.
    readonly List<ulong> _heads = [];
    readonly List<(byte[] Placeholder, StorePath Path)> _rewrites = [];

    public void Add(StorePath derivation, string output, StorePath path) =>
        Add(known is null ? Placeholders.Upstream(derivation, output) : known.Of(derivation, output), path);

    public void Add(byte[] placeholder, StorePath path)
    {
        _heads.Add(Head(placeholder));
        _rewrites.Add((placeholder, path));
    }

    /// <summary>Copies <paramref name="from"/> with every known placeholder replaced.</summary>
    public void Apply(ReadOnlySpan<byte> from, AtermWriter to)
    {
        var at = 0;
        while (_rewrites.Count > 0)
        {
            var slash = from[at..].IndexOf((byte)'/');
            if (slash < 0 || at + slash + Placeholders.Length > from.Length)
            {
                break;
            }
            at += slash;
            var candidate = from.Slice(at, Placeholders.Length);
            // 52 digits are 260 bits, so the first digit of 256 bits can only be 0 or 1: that alone rules out nearly every slash.
            if (
                candidate[1] is not ((byte)'0' or (byte)'1')
                || candidate[1..].ContainsAnyExcept(s_digits)
                || Find(candidate) is not { } path
            )
            {
                at++;
                continue;
            }
            to.Raw(from[..at]);
            to.Path(path);
            from = from[(at + Placeholders.Length)..];
            at = 0;
        }
        to.Raw(from);
    }

    /// <summary>The same memory where nothing is replaced.</summary>
    public ReadOnlyMemory<byte> Apply(ReadOnlyMemory<byte> from)
    {
        using var to = new AtermWriter(from.Length + 256);
        Apply(from.Span, to);
        return to.Written.SequenceEqual(from.Span) ? from : to.ToArray();
    }

    StorePath? Find(ReadOnlySpan<byte> candidate)
    {
        var heads = CollectionsMarshal.AsSpan(_heads);
        var head = Head(candidate);
        for (var at = heads.IndexOf(head); at >= 0; )
        {
            if (candidate.SequenceEqual(_rewrites[at].Placeholder))
            {
                return _rewrites[at].Path;
            }
            var next = heads[(at + 1)..].IndexOf(head);
            at = next < 0 ? -1 : at + 1 + next;
        }
        return null;
    }

    static ulong Head(ReadOnlySpan<byte> placeholder) => MemoryMarshal.Read<ulong>(placeholder[1..]);
}
