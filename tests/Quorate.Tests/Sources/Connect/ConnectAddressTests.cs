using Quorate.Sources.Connect;
using Xunit;

namespace Quorate.Tests.Sources.Connect;

public sealed class ConnectAddressTests
{
    [Theory]
    [InlineData("http://127.0.0.1:8090", null, true)]
    [InlineData("http://127.0.0.1:8090/", null, true)]
    [InlineData("https://logs.example/trustix/", null, false)]
    [InlineData("unix:///run/quorate/control.socket", "/run/quorate/control.socket", true)]
    [InlineData("unix:///run/a.socket.d/b.socket", null, false, false)]
    [InlineData("unix:///run/a.socket/prefix", "/run/a.socket", true)]
    [InlineData("unix:///run/trustix.sock", null, false, false)]
    [InlineData("unix://run/trustix.socket", null, false, false)]
    [InlineData("http://user:secret@host", null, false, false)]
    [InlineData("http://host/?q", null, false, false)]
    [InlineData("ftp://host", null, false, false)]
    [InlineData("/run/quorate/control.socket", null, false, false)]
    [InlineData("", null, false, false)]
    public void TryParse_takes_the_three_forms(string url, string? socket, bool local, bool valid = true)
    {
        Assert.Equal(valid, ConnectAddress.TryParse(url, out var address));
        Assert.Equal((socket, local), (address?.SocketPath, address?.IsLocal ?? false));
    }
}
