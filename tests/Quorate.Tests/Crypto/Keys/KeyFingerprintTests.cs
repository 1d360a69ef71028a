using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Xunit;

namespace Quorate.Tests.Crypto.Keys;

public sealed class KeyFingerprintTests
{
    // The two builders of laut's fixtures, and the key of its unit tests.
    [Theory]
    [InlineData(
        "diZIhvLSthXHFH+qz5dY/Fegz/u7Z+8aMekjrabc+fI=",
        "bcda8d54470fea3b4e22071ddf53ef79bc1a75bab562f83cefb4e0660e4f4877",
        "SHA256:h8w3leuTqqQXWFb3jSqxN2RyER5JZLb0drUjn2vJXTo"
    )]
    [InlineData(
        "Dwxy6SpfvApt2NHfA8luc1Lj6sobZoX99epUTo3im6M=",
        "d9780179d7239d5137fd31e784c0b3598b85c5dfc27913d1a65a22377e5b8d25",
        "SHA256:jopaesRoogT5hIRqLhnbdhmCvARAUO2W9sILbKvkDuU"
    )]
    [InlineData(
        "6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=",
        "324be2dea8bc44461b0233e51fa48902ed6b1cc671e7739af2551e0bfe68f54e",
        "SHA256:z/fSv0Z0RZS+Lccbc6ZoOWwt/fbj1VFJGSBKQbo4icE"
    )]
    public void Fingerprints_are_those_that_other_tools_print(string key, string spki, string ssh)
    {
        Assert.True(Ed25519PublicKey.TryParse(key, out var parsed));
        Assert.Equal(spki, KeyFingerprints.SubjectPublicKeyInfo(parsed));
        Assert.Equal(ssh, KeyFingerprints.Ssh(parsed));
    }
}
