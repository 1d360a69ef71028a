using System.Text;
using Quorate.Core.Encodings;

namespace Quorate.Fuzz.Targets;

sealed class HexTarget : IFuzzTarget
{
    public string Name => "hex";

    public IEnumerable<byte[]> Seeds => ["00ff7f"u8.ToArray(), ""u8.ToArray(), "e3b0c44298fc1c14"u8.ToArray()];

    public void Run(ReadOnlySpan<byte> input)
    {
        var text = Encoding.Latin1.GetString(input);
        if (Hex.TryDecode(text, 1024, out var bytes))
        {
            FuzzException.ThrowUnless(Hex.Encode(bytes) == text, "accepted hexadecimal is not canonical");
        }
    }
}

sealed class StrictBase64Target : IFuzzTarget
{
    public string Name => "base64";

    public IEnumerable<byte[]> Seeds => ["aGVsbG8="u8.ToArray(), "AAAA"u8.ToArray(), "/+8="u8.ToArray(), ""u8.ToArray()];

    public void Run(ReadOnlySpan<byte> input)
    {
        var text = Encoding.Latin1.GetString(input);
        if (StrictBase64.TryDecode(text, 100, out var bytes))
        {
            FuzzException.ThrowUnless(StrictBase64.Encode(bytes) == text && bytes.Length <= 100, "accepted base64 is not canonical");
        }
    }
}

sealed class Nix32Target : IFuzzTarget
{
    public string Name => "nix32";

    public IEnumerable<byte[]> Seeds =>
        ["07qy3lf1n6hr30bic58l2c91240g1q6hq2qa1440f1h50h1h4080"u8.ToArray(), "2c91240g1q6hq2qa1440f1h50h1h4080"u8.ToArray()];

    public void Run(ReadOnlySpan<byte> input)
    {
        var text = Encoding.Latin1.GetString(input);
        foreach (var length in (ReadOnlySpan<int>)[0, 1, 20, 32, 64])
        {
            var bytes = new byte[length];
            if (Nix32.TryDecode(text, bytes))
            {
                FuzzException.ThrowUnless(Nix32.Encode(bytes) == text, "accepted base 32 is not canonical");
            }
        }
    }
}
