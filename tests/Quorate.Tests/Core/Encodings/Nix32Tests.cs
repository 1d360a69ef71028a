using Quorate.Core.Encodings;
using Xunit;

namespace Quorate.Tests.Core.Encodings;

public sealed class Nix32Tests
{
    [Theory]
    [InlineData(20, "2c91240g1q6hq2qa1440f1h50h1h4080")]
    [InlineData(32, "07qy3lf1n6hr30bic58l2c91240g1q6hq2qa1440f1h50h1h4080")]
    public void Encode_counting_bytes_gives_known_text(int length, string expected)
    {
        var bytes = Enumerable.Range(0, length).Select(i => (byte)i).ToArray();
        Assert.Equal(expected, Nix32.Encode(bytes));
        var decoded = new byte[length];
        Assert.True(Nix32.TryDecode(expected, decoded));
        Assert.Equal(bytes, decoded);
    }

    [Fact]
    public void TryDecode_with_excess_bits_is_refused()
    {
        Assert.False(Nix32.TryDecode("z7qy3lf1n6hr30bic58l2c91240g1q6hq2qa1440f1h50h1h4080", new byte[32]));
    }
}
