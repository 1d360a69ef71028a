using System.Runtime.InteropServices;

namespace Quorate.Nix.Derivations;

/// <summary>
/// Replaces placeholders by paths, all in one pass: a placeholder begins with a slash and has none further on, so no two overlap, and what
/// is put in cannot make a new one.
/// </summary>
sealed class PlaceholderRewrites(UpstreamPlaceholders? known)
{
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
            var next = Placeholders.IndexIn(from[at..]);
            if (next < 0)
            {
                break;
            }
            at += next;
            if (Find(from.Slice(at, Placeholders.Length)) is not { } path)
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
