using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Quorate.Log.Indexing;

/// <summary>
/// From 32-byte keys to 32-bit numbers, in 8 bytes a slot: the keys themselves are not kept. A lookup gives candidates, and the caller compares what
/// they name with what it looks for. So a number that has been given up may stay behind without harm. Linear probing; one writer, readers
/// without locks. The hash is keyed with a secret of this process: keys may be chosen by a stranger, and must not collide at will.
/// </summary>
sealed class HashIndex
{
    /// <summary>Highest number that can be stored.</summary>
    internal const uint MaxNumber = uint.MaxValue - 1;

    readonly Secret _secret = Secret.Create();

    // A slot is tag << 32 | number + 1; zero is empty. The home of a slot is the tag's upper bits, so growing needs no keys.
    ulong[] _slots = new ulong[64];
    int _used;

    /// <summary>Adds a number under a key, beside others that are there. Writer only.</summary>
    internal void Add(ReadOnlySpan<byte> key, ulong number)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(number, MaxNumber);
        if (_used >= _slots.Length / 10 * 7)
        {
            Grow();
        }
        Put(_slots, (ulong)_secret.Tag(key) << 32 | (number + 1));
        _used++;
    }

    /// <summary>Numbers that may be stored under the key, in no order.</summary>
    internal Candidates Find(ReadOnlySpan<byte> key) => new(Volatile.Read(ref _slots), _secret.Tag(key));

    void Grow()
    {
        var larger = new ulong[2 * _slots.Length];
        foreach (var slot in _slots)
        {
            if (slot != 0)
            {
                Put(larger, slot);
            }
        }
        Volatile.Write(ref _slots, larger);
    }

    static void Put(ulong[] slots, ulong slot)
    {
        var at = Home(slots, (uint)(slot >> 32));
        while (slots[at] != 0)
        {
            at = (at + 1) & (slots.Length - 1);
        }
        Volatile.Write(ref slots[at], slot);
    }

    static int Home(ulong[] slots, uint tag) => (int)((ulong)tag * (uint)slots.Length >> 32);

    /// <summary>Enumerates candidates of one lookup.</summary>
    internal struct Candidates(ulong[] slots, uint tag)
    {
        int _at = Home(slots, tag);

        public readonly Candidates GetEnumerator() => this;

        public ulong Current { get; private set; }

        public bool MoveNext()
        {
            while (Volatile.Read(ref slots[_at]) is var slot && slot != 0)
            {
                _at = (_at + 1) & (slots.Length - 1);
                if (slot >> 32 == tag)
                {
                    Current = (slot & uint.MaxValue) - 1;
                    return true;
                }
            }
            return false;
        }
    }

    readonly record struct Secret(ulong A, ulong B, ulong C, ulong D)
    {
        internal static Secret Create()
        {
            Span<byte> bytes = stackalloc byte[32];
            RandomNumberGenerator.Fill(bytes);
            return new Secret(Word(bytes, 0), Word(bytes, 1), Word(bytes, 2), Word(bytes, 3));
        }

        // Multiply-and-fold over the whole key; unpredictable without the secret, which never leaves the process.
        internal uint Tag(ReadOnlySpan<byte> key)
        {
            var first = Fold(Word(key, 0) ^ A, Word(key, 1) ^ B);
            var second = Fold(Word(key, 2) ^ C, Word(key, 3) ^ D);
            return (uint)(Fold(first ^ D, second ^ A) >> 32);
        }

        static ulong Word(ReadOnlySpan<byte> bytes, int number) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[(8 * number)..]);

        static ulong Fold(ulong x, ulong y)
        {
            var high = Math.BigMul(x, y, out ulong low);
            return high ^ low;
        }
    }
}
