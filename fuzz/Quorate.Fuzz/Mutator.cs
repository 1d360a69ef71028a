using System.Buffers.Binary;

namespace Quorate.Fuzz;

/// <summary>Makes inputs from seeds: a few random edits of one seed, or a splice of two. Deterministic for one random seed.</summary>
public sealed class Mutator
{
    const int MaxLength = 64 * 1024;

    static readonly byte[] s_interesting = [0, 1, 0x0a, 0x20, 0x22, 0x2b, 0x2d, 0x2f, 0x30, 0x3a, 0x3d, 0x5c, 0x7f, 0x80, 0xff];

    readonly Random _random;
    readonly byte[][] _seeds;

    public Mutator(IEnumerable<byte[]> seeds, int randomSeed)
    {
        _seeds = [.. seeds];
        if (_seeds.Length == 0)
        {
            throw new ArgumentException("a fuzz target needs a seed", nameof(seeds));
        }
        _random = new Random(randomSeed);
    }

    public byte[] Next()
    {
        var input = new List<byte>(Pick(_seeds));
        for (var edits = _random.Next(5); edits >= 0; edits--)
        {
            Edit(input);
        }
        if (input.Count > MaxLength)
        {
            input.RemoveRange(MaxLength, input.Count - MaxLength);
        }
        return [.. input];
    }

    void Edit(List<byte> input)
    {
        var at = _random.Next(input.Count + 1);
        switch (_random.Next(10))
        {
            case 0 when at < input.Count:
                input[at] ^= (byte)(1 << _random.Next(8));
                break;
            case 1 when at < input.Count:
                input[at] = Pick(s_interesting);
                break;
            case 2 when at < input.Count:
                input[at] = (byte)_random.Next(256);
                break;
            case 3:
                input.RemoveRange(at, input.Count - at);
                break;
            case 4:
                input.RemoveRange(at, _random.Next(Math.Min(input.Count - at, 16) + 1));
                break;
            case 5:
                input.Insert(at, Pick(s_interesting));
                break;
            case 6:
                // A part repeated elsewhere: duplicate fields, nested structures.
                var length = _random.Next(Math.Min(input.Count - at, 256) + 1);
                input.InsertRange(_random.Next(input.Count + 1), input.GetRange(at, length));
                break;
            case 7:
                var other = Pick(_seeds);
                input.RemoveRange(at, input.Count - at);
                input.AddRange(other.AsSpan(_random.Next(other.Length + 1)));
                break;
            case 8:
                TweakLength(input, at);
                break;
            case 9:
                TweakNumber(input, at);
                break;
        }
    }

    /// <summary>Overwrites what may be a length field with an extreme or slightly wrong one.</summary>
    void TweakLength(List<byte> input, int at)
    {
        var width = 1 << _random.Next(4);
        if (at + width > input.Count)
        {
            return;
        }
        Span<byte> field = stackalloc byte[8];
        field.Clear();
        for (var i = 0; i < width; i++)
        {
            field[i] = input[at + i];
        }
        var value = _random.Next(3) switch
        {
            0 => unchecked(BinaryPrimitives.ReadUInt64LittleEndian(field) + (ulong)_random.Next(3) - 1),
            1 => ulong.MaxValue >> _random.Next(64),
            _ => 1UL << _random.Next(64),
        };
        BinaryPrimitives.WriteUInt64LittleEndian(field, value);
        var reversed = _random.Next(2) == 0;
        for (var i = 0; i < width; i++)
        {
            input[at + i] = field[reversed ? width - 1 - i : i];
        }
    }

    /// <summary>Replaces a run of decimal digits.</summary>
    void TweakNumber(List<byte> input, int at)
    {
        var start = input.FindIndex(Math.Min(at, input.Count), b => b is >= (byte)'0' and <= (byte)'9');
        if (start < 0)
        {
            return;
        }
        var end = start;
        while (end < input.Count && input[end] is >= (byte)'0' and <= (byte)'9')
        {
            end++;
        }
        input.RemoveRange(start, end - start);
        string[] numbers = ["0", "00", "-1", "255", "256", "65536", "4294967296", "9223372036854775808", "18446744073709551616", "1e9"];
        input.InsertRange(start, System.Text.Encoding.ASCII.GetBytes(Pick(numbers)));
    }

    T Pick<T>(T[] values) => values[_random.Next(values.Length)];
}
