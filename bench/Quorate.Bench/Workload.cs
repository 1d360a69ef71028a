using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Quorate.Core.Encodings;
using Quorate.Log;

namespace Quorate.Bench;

/// <summary>Claims of protocol <c>nix</c> with distinct keys and values of exactly 250 bytes, the same for the same number.</summary>
static class Workload
{
    public const int ValueBytes = 250;

    public static SubmitItem Item(long number) => Item(number, variant: 0);

    /// <param name="variant">Another build result of the same path.</param>
    public static SubmitItem Item(long number, int variant)
    {
        var path = StorePath(number);
        var value = new StringBuilder(ValueBytes)
            .Append("{\"path\":\"")
            .Append(path)
            .Append("\",\"narHash\":\"sha256-")
            .Append(Convert.ToBase64String(Digest($"nar {variant}", number)))
            .Append("\",\"narSize\":")
            .Append((1000 + number % 1000).ToString(CultureInfo.InvariantCulture))
            .Append(",\"references\":[\"");
        const string End = "\"]}";
        var reference = "/nix/store/" + Nix32.Encode(Digest("reference", number).AsSpan(0, 20)) + "-";
        value.Append(reference).Append('d', ValueBytes - End.Length - reference.Length - value.Length).Append(End);
        return new SubmitItem(Encoding.ASCII.GetBytes(path), Encoding.ASCII.GetBytes(value.ToString()));
    }

    public static string StorePath(long number) =>
        string.Create(CultureInfo.InvariantCulture, $"/nix/store/{Nix32.Encode(Digest("path", number).AsSpan(0, 20))}-p{number:00000000}");

    public static SubmitItem[] Items(long first, int count)
    {
        var items = new SubmitItem[count];
        for (var i = 0; i < count; i++)
        {
            items[i] = Item(first + i);
        }
        return items;
    }

    static byte[] Digest(string purpose, long number) => SHA256.HashData(Encoding.ASCII.GetBytes($"{purpose} {number}"));
}
