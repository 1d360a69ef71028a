using Quorate.Core;
using Quorate.Crypto;
using Xunit;

namespace Quorate.Tests.Crypto.Ed25519;

public sealed class SodiumTests
{
    [Fact]
    public void EnsureInitialized_passes_the_self_check() => Sodium.EnsureInitialized();

    [Fact]
    public void Load_of_missing_libraries_names_the_first_and_its_package()
    {
        var fault = Assert.Throws<NativeLibraryException>(() => Sodium.Load(["libsodium.so.0", "libsodium.so.1"]));
        Assert.Equal(("libsodium.so.0", "libsodium23"), (fault.Library, fault.Package));
        Assert.Contains("libsodium23", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_takes_the_first_library_that_is_there() =>
        Assert.NotEqual(0, Sodium.Load(["libsodium.so.0", "libsodium.so.23", "libsodium.so.26"]));
}
