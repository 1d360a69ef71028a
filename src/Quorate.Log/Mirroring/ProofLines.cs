using System.Globalization;
using Quorate.Core;
using Quorate.Core.Encodings;

namespace Quorate.Log;

/// <summary>Reads the lines of a proof in their order. Every fault names the line.</summary>
sealed class ProofLines
{
    readonly string[] _lines;
    int _next;

    /// <exception cref="MalformedException">The text does not end with its last line.</exception>
    public ProofLines(string text)
    {
        if (!text.EndsWith('\n'))
        {
            throw new MalformedException("the last line is not ended");
        }
        _lines = text[..^1].Split('\n');
    }

    public void Expect(string line)
    {
        if (_next >= _lines.Length || _lines[_next] != line)
        {
            throw new MalformedException($"line {_next + 1} is not '{line}'");
        }
        _next++;
    }

    /// <summary>What stands after <paramref name="name"/> on the next line.</summary>
    public string Value(string name) => Optional(name) ?? throw new MalformedException($"line {_next + 1} does not begin with '{name}'");

    /// <summary>The same; null, and nothing is read, when the next line has another name.</summary>
    public string? Optional(string name) =>
        _next < _lines.Length
        && _lines[_next].Length > name.Length
        && _lines[_next].StartsWith(name, StringComparison.Ordinal)
        && _lines[_next][name.Length] == ' '
            ? _lines[_next++][(name.Length + 1)..]
            : null;

    public List<Sha256Digest> Digests(string name, int most)
    {
        var digests = new List<Sha256Digest>();
        while (Optional(name) is { } text)
        {
            if (digests.Count == most)
            {
                throw new MalformedException($"more than {most} lines of '{name}'");
            }
            digests.Add(Digest(text));
        }
        return digests;
    }

    public string[] Fields(string text, int count) =>
        text.Split(' ') is var fields && fields.Length == count ? fields : throw Wrong($"{count} fields");

    public Sha256Digest Digest(string text) =>
        StrictBase64.TryDecode(text, Sha256Digest.Size, out var bytes) && Sha256Digest.TryCreate(bytes, out var digest)
            ? digest
            : throw Wrong("a digest");

    public byte[] Bytes(string text, int most) =>
        text == "-" ? []
        : StrictBase64.TryDecode(text, most, out var bytes) && bytes.Length > 0 ? bytes
        : throw Wrong($"base64 of at most {most} bytes");

    public ulong Number(string text) =>
        ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && (text.Length == 1 || text[0] != '0')
            ? number
            : throw Wrong("a number");

    public void Finish()
    {
        if (_next != _lines.Length)
        {
            throw new MalformedException($"line {_next + 1} is one too many");
        }
    }

    /// <summary>The line read last is not what it should be.</summary>
    public MalformedException Wrong(string expected) => new($"line {_next} does not hold {expected}");
}
