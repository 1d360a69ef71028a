using Quorate.Core;
using Quorate.Crypto;
using Xunit;

namespace Quorate.Tests.Crypto.Ed25519;

public sealed class SodiumTests
{
    [Fact]
    public void EnsureInitialized_passes_the_self_check() => Sodium.EnsureInitialized();

    [Fact]
    public void EnsureLoads_of_a_missing_library_names_it_and_its_package()
    {
        var fault = Assert.Throws<NativeLibraryException>(() => Sodium.EnsureLoads("libsodium.so.0"));
        Assert.Equal(("libsodium.so.0", "libsodium23"), (fault.Library, fault.Package));
        Assert.Contains("libsodium23", fault.Message, StringComparison.Ordinal);
    }
}
