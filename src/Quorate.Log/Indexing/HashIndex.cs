using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Quorate.Log.Images;

namespace Quorate.Log.Indexing;

/// <summary>
/// From 32-byte keys to 32-bit numbers, in 8 bytes a slot: the keys themselves are not kept. A lookup gives candidates, and the caller compares what
/// they name with what it looks for. So a number that has been given up may stay behind without harm. Linear probing; one writer, readers
/// without locks. The hash is keyed with a secret: keys may be chosen by a stranger, and must not collide at will. It goes into the image of the index, which
/// only its owner can read.
/// </summary>
sealed class HashIndex
{
    /// <summary>Highest number that can be stored.</summary>
    internal const uint MaxNumber = uint.MaxValue - 1;

    const int SlotsAtOnce = 512;

    readonly Secret _secret;

    // A slot is tag << 32 | number + 1; zero is empty. The home of a slot is the tag's upper bits, so growing needs no keys.
    ulong[] _slots;
    int _used;

    internal HashIndex()
        : this(Secret.Create(), new ulong[64]) { }

    HashIndex(Secret secret, ulong[] slots) => (_secret, _slots) = (secret, slots);

    /// <summary>Adds a number under a key, beside others that are there. Writer only.</summary>
    internal void Add(ReadOnlySpan<byte> key, ulong number)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(number, MaxNumber);
        if (_used >= _slots.Length / 4 * 3)
        {
            Grow();
        }
        Put(_slots, (ulong)_secret.Tag(key) << 32 | (number + 1));
        _used++;
    }

    /// <summary>Numbers that may be stored under the key, in no order.</summary>
    internal Candidates Find(ReadOnlySpan<byte> key) => new(Volatile.Read(ref _slots), _secret.Tag(key));

    /// <summary>Writes the secret and all slots with numbers below <paramref name="limit"/>. Beside the writer.</summary>
    internal void Save(Stream image, ulong limit)
    {
        image.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<Secret>(in _secret)));
        Span<ulong> block = stackalloc ulong[SlotsAtOnce];
        var used = 0;
        // Slots are filled once and never emptied, so whatever was there when the limit was published is seen.
        var slots = Volatile.Read(ref _slots);
        for (var i = 0; i < slots.Length; i++)
        {
            var slot = Volatile.Read(ref slots[i]);
            if (slot == 0 || (slot & uint.MaxValue) > limit)
            {
                continue;
            }
            block[used++] = slot;
            if (used == SlotsAtOnce)
            {
                image.Write(MemoryMarshal.AsBytes(block));
                used = 0;
            }
        }
        image.Write(MemoryMarshal.AsBytes(block[..used]));
    }

    /// <summary>The index that <see cref="Save"/> wrote.</summary>
    internal static HashIndex Load(SectionReader image)
    {
        Secret secret = default;
        image.ReadExactly(MemoryMarshal.AsBytes(new Span<Secret>(ref secret)));
        var count = image.Remaining / sizeof(ulong);
        var index = new HashIndex(secret, new ulong[checked((int)Math.Max(64, count + count / 2))]) { _used = (int)count };
        Span<ulong> block = stackalloc ulong[SlotsAtOnce];
        for (; count > 0; count -= block.Length)
        {
            block = block[..(int)Math.Min(block.Length, count)];
            image.ReadExactly(MemoryMarshal.AsBytes(block));
            foreach (var slot in block)
            {
                Put(index._slots, slot);
            }
        }
        return index;
    }

    void Grow()
    {
        // By half, not to twice the size: the table is most of what an index costs.
        var larger = new ulong[_slots.Length / 2 * 3];
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
            at = Next(slots, at);
        }
        Volatile.Write(ref slots[at], slot);
    }

    static int Next(ulong[] slots, int at) => at + 1 == slots.Length ? 0 : at + 1;

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
                _at = Next(slots, _at);
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
