using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Quorate.Nix;

/// <summary>
/// The paths of one store directory, each made once. The derivations of a closure name the same few paths hundreds of times; a pool
/// makes reading them cheap and comparing them a comparison of references. Not thread-safe.
/// </summary>
public sealed class StorePathPool
{
    const int MinimumSlots = 1024;

    readonly byte[] _prefix;
    StorePath?[] _slots = new StorePath?[MinimumSlots];

    /// <exception cref="FormatException">Not a store directory.</exception>
    public StorePathPool(string storeDir)
    {
        if (!StorePath.IsStoreDir(storeDir))
        {
            throw new FormatException("not a store directory");
        }
        StoreDir = storeDir;
        _prefix = Encoding.ASCII.GetBytes(storeDir + "/");
    }

    public string StoreDir { get; }

    public int Count { get; private set; }

    /// <summary>The path that the ASCII bytes of a full path name; false unless it is a valid path in <see cref="StoreDir"/>.</summary>
    public bool TryGet(ReadOnlySpan<byte> text, [NotNullWhen(true)] out StorePath? path)
    {
        path = null;
        if (text.Length <= _prefix.Length + StorePath.HashPartLength || !text.StartsWith(_prefix))
        {
            return false;
        }
        var baseName = text[_prefix.Length..];
        var slot = Slot(baseName);
        while (_slots[slot] is { } known)
        {
            if (Ascii.Equals(baseName, known.BaseName))
            {
                path = known;
                return true;
            }
            slot = (slot + 1) & (_slots.Length - 1);
        }
        if (!TryParse(text, StoreDir, out path))
        {
            return false;
        }
        _slots[slot] = path;
        Count++;
        if (Count > _slots.Length / 2)
        {
            Grow();
        }
        return true;
    }

    /// <summary>A path without a pool.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, string storeDir, [NotNullWhen(true)] out StorePath? path)
    {
        Span<char> characters = stackalloc char[StorePath.MaxLength];
        path = null;
        // Latin-1 maps every byte to one character, so bytes outside ASCII survive to be refused by the path's own rules.
        return text.Length <= StorePath.MaxLength
            && Encoding.Latin1.TryGetChars(text, characters, out var length)
            && StorePath.TryParse(characters[..length], storeDir, out path);
    }

    void Grow()
    {
        var old = _slots;
        _slots = new StorePath?[2 * old.Length];
        Span<byte> text = stackalloc byte[StorePath.MaxLength];
        foreach (var path in old)
        {
            if (path is null)
            {
                continue;
            }
            var slot = Slot(text[..Encoding.ASCII.GetBytes(path.BaseName, text)]);
            while (_slots[slot] is not null)
            {
                slot = (slot + 1) & (_slots.Length - 1);
            }
            _slots[slot] = path;
        }
    }

    // HashCode is seeded per process, so nobody can choose names that meet in one slot.
    int Slot(ReadOnlySpan<byte> baseName)
    {
        var hash = new HashCode();
        hash.AddBytes(baseName);
        return hash.ToHashCode() & (_slots.Length - 1);
    }
}
